# shellcheck shell=bash
# The two images, packed from this machine's own programs: nothing is pulled from a registry.

# make_images: packs pause.tar and tools.tar into the run directory's images/.
make_images() {
    local at=$run/images
    mkdir -p "$at/pause" "$at/tools"
    cp "$bin/pause" "$at/pause/pause"
    pack "$at/pause" localhost/pause:1 '"Entrypoint":["/pause"]'
    fill_tools "$at/tools"
    # The second name is that of pvmigrate's usual copy image: commands without --rsync-image have to work, too.
    pack "$at/tools" localhost/tools:1 '"Cmd":["/bin/sh"]' docker.io/eeacms/rsync:2.3
    rm -rf "$at/pause" "$at/tools"
}

# fill_tools DIRECTORY: busybox with all its names, and the programs for what busybox cannot copy or show.
fill_tools() {
    local at=$1 program
    mkdir -p "$at/bin" "$at/usr/bin" "$at/etc" "$at/tmp"
    chmod 1777 "$at/tmp"
    take busybox "$at" bin
    "$at/bin/busybox" --list | while read -r program; do
        [ "$program" = busybox ] || ln -sf busybox "$at/bin/$program"
    done
    for program in rsync getfattr setfattr getfacl setfacl; do
        take "$program" "$at" usr/bin
        # busybox has names for some of these too; they are not what is wanted.
        rm -f "$at/bin/$program"
    done
    echo root:x:0:0:root:/:/bin/sh >"$at/etc/passwd"
    echo root:x:0: >"$at/etc/group"
}

# take PROGRAM ROOT DIRECTORY: copies a program of this machine, and the libraries it names; a static one names none.
take() {
    local library
    cp -L "$(command -v "$1")" "$2/$3/$1"
    { ldd "$2/$3/$1" 2>/dev/null || true; } | { grep -oE '/[^ ]+' || true; } | while read -r library; do
        mkdir -p "$2$(dirname "$library")"
        cp -L "$library" "$2$library"
    done
}

# pack DIRECTORY NAME CONFIG: packs a directory as an image of one layer, DIRECTORY.tar, in the form `docker save` has.
pack() {
    local root=$1 work layer config epoch=1970-01-01T00:00:00Z architecture
    architecture=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
    work=$root.image
    mkdir -p "$work"
    tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$work/layer.tar" .
    layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
    cat >"$work/config.json" <<J
{"architecture":"$architecture","os":"linux","created":"$epoch",
"config":{"Env":["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],$3},
"rootfs":{"type":"layers","diff_ids":["sha256:$layer"]},"history":[{"created":"$epoch"}]}
J
    config=$(sha256sum "$work/config.json" | cut -d' ' -f1)
    mv "$work/config.json" "$work/$config.json"
    echo "[{\"Config\":\"$config.json\",\"RepoTags\":[\"$2\"${4:+,\"$4\"}],\"Layers\":[\"layer.tar\"]}]" >"$work/manifest.json"
    tar -C "$work" -cf "$root.tar" manifest.json "$config.json" layer.tar
    rm -rf "$work"
}
