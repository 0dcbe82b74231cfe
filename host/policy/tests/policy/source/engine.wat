;; An engine for one language, whose programs are the first letter of the main file's name:
;; good, busy (takes long to load), problem, endless.
(component
  (core module $m
    (memory (export "memory") 2)
    (data (i32.const 16) "tiny0.1.0policy.pySyntaxError: no \1b[2J")
    (global $loaded (mut i32) (i32.const 0))
    (global $free (mut i32) (i32.const 4096))

    ;; Keeps nothing apart: a call is short.
    (func (export "realloc") (param $old i32) (param $size i32) (param $align i32) (param $new i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.set $free (i32.add (local.get $at) (local.get $new)))
      (local.get $at))

    (func (export "load") (param $files i32) (param $count i32) (param $main i32) (param $length i32) (result i32)
      (local $letter i32) (local $turn i32)
      (if (global.get $loaded) (then unreachable))
      (global.set $loaded (i32.const 1))
      (local.set $letter (i32.load8_u (local.get $main)))
      (if (i32.eq (local.get $letter) (i32.const 98)) ;; b
        (then (loop $again
          (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $turn) (i32.const 1000000))))))
      (if (i32.eq (local.get $letter) (i32.const 101)) (then (loop $forever (br $forever)))) ;; e
      (if (i32.eq (local.get $letter) (i32.const 112)) ;; p
        (then
          (i32.store8 (i32.const 256) (i32.const 1))
          (i32.store (i32.const 260) (i32.const 25)) (i32.store (i32.const 264) (i32.const 9))
          (i32.store (i32.const 268) (i32.const 12)) (i32.store (i32.const 272) (i32.const 5))
          (i32.store (i32.const 276) (i32.const 34)) (i32.store (i32.const 280) (i32.const 20))))
      (i32.const 256))

    (func (export "describe") (result i32)
      (if (i32.eqz (global.get $loaded)) (then unreachable))
      (i32.store (i32.const 512) (i32.const 16)) (i32.store (i32.const 516) (i32.const 4))
      (i32.store (i32.const 520) (i32.const 20)) (i32.store (i32.const 524) (i32.const 5))
      (i32.const 512))

    ;; No ballots.
    (func (export "select") (param i32) (result i32)
      (if (i32.eqz (global.get $loaded)) (then unreachable))
      (i32.const 768)))
  (core instance $c (instantiate $m))

  (type $pairs (list (tuple string string)))
  (type $access-mode (enum "read-write-once" "read-only-many" "read-write-many" "read-write-once-pod"))
  (type $volume-mode (enum "filesystem" "block"))
  (type $object-ref (record
    (field "api-version" string) (field "kind" string) (field "namespace" (option string)) (field "name" string)))
  (type $consumer (record
    (field "workload" $object-ref) (field "pod" string) (field "node" (option string)) (field "read-only" bool)
    (field "running" bool)))
  (type $volume (record
    (field "id" u32) (field "namespace" string) (field "name" string) (field "uid" string) (field "labels" $pairs)
    (field "annotations" $pairs) (field "phase" string) (field "created" u64) (field "storage-class" (option string))
    (field "driver" (option string)) (field "volume-name" (option string)) (field "reclaim-policy" (option string))
    (field "volume-mode" $volume-mode) (field "requested-modes" (list $access-mode))
    (field "effective-modes" (list $access-mode)) (field "requested-bytes" u64) (field "capacity-bytes" u64)
    (field "used-bytes" (option u64)) (field "consumers" (list $consumer)) (field "facts" $pairs)))
  (type $class-mode (record (field "volume-mode" $volume-mode) (field "access-mode" $access-mode)))
  (type $storage-class (record
    (field "name" string) (field "provisioner" string) (field "parameters" $pairs) (field "annotations" $pairs)
    (field "reclaim-policy" string) (field "binding-mode" string) (field "allow-expansion" bool)
    (field "known-modes" (list $class-mode)) (field "facts" $pairs)))
  (type $request (record
    (field "settings" string) (field "environment" string) (field "now" u64) (field "source" (option $storage-class))
    (field "target" $storage-class) (field "volumes" (list $volume)) (field "facts" $pairs)))
  (type $reason (record (field "code" string) (field "message" string) (field "details" $pairs)))
  (type $policy-error (record (field "code" string) (field "message" string) (field "volume" (option u32))))
  (type $vote (variant (case "migrate" $reason) (case "skip" $reason) (case "abstain")))
  (type $ballot (record (field "volume" u32) (field "vote" $vote)))
  (func $select (param "req" $request) (result (result (list $ballot) (error $policy-error)))
    (canon lift (core func $c "select") (memory $c "memory") (realloc (func $c "realloc"))))
  (instance $selection
    (export "access-mode" (type $access-mode)) (export "volume-mode" (type $volume-mode))
    (export "object-ref" (type $object-ref)) (export "consumer" (type $consumer)) (export "volume" (type $volume))
    (export "class-mode" (type $class-mode)) (export "storage-class" (type $storage-class))
    (export "request" (type $request)) (export "reason" (type $reason)) (export "policy-error" (type $policy-error))
    (export "vote" (type $vote)) (export "ballot" (type $ballot)) (export "select" (func $select)))

  (type $scope (enum "per-volume" "whole-batch"))
  (type $object-need (record
    (field "api-version" string) (field "kind" string) (field "purpose" string) (field "optional" bool)))
  (type $code-doc (record (field "code" string) (field "summary" string) (field "docs-url" (option string))))
  (type $info (record
    (field "name" string) (field "version" string) (field "summary" string) (field "scope" $scope)
    (field "settings-schema" (option string)) (field "needs" (list $object-need)) (field "codes" (list $code-doc))))
  (func $describe (result $info) (canon lift (core func $c "describe") (memory $c "memory")))
  (instance $manifest
    (export "scope" (type $scope)) (export "object-need" (type $object-need)) (export "code-doc" (type $code-doc))
    (export "info" (type $info)) (export "describe" (func $describe)))

  (type $file (record (field "name" string) (field "text" string)))
  (type $problem (record (field "file" string) (field "line" u32) (field "column" u32) (field "message" string)))
  (func $load (param "files" (list $file)) (param "main" string) (result (result (error $problem)))
    (canon lift (core func $c "load") (memory $c "memory") (realloc (func $c "realloc"))))
  (instance $loader
    (export "file" (type $file)) (export "problem" (type $problem)) (export "load" (func $load)))

  (export "pvmigrate:policy/manifest@0.2.0" (instance $manifest))
  (export "pvmigrate:policy/selection@0.2.0" (instance $selection))
  (export "pvmigrate:engine/loader@0.1.0" (instance $loader)))
