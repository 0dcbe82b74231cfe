//! Fills a directory with all that file systems offer and copies often lose. Written from outside the containers, as
//! root.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, mknodat, setxattr, utimensat};

/// Small files of [`many`]: in folders of a hundred.
pub(crate) const MANY: usize = 50_000;

/// Size of the file of [`large`].
pub(crate) const LARGE: u64 = 1 << 30;

/// Makes a little of everything.
pub(crate) fn everything(root: &Path) {
    names(root);
    links(root);
    sparse(root);
    special(root);
    attributes(root);
    owners_and_modes(root);
    times(root);
}

fn names(root: &Path) {
    let at = root.join("names");
    fs::create_dir(&at).unwrap();
    let long = "n".repeat(255);
    let odd: [&[u8]; 9] = [
        b"with\nnewline\n",
        b"not \xff\xfe UTF-8 \x80",
        b"  blanks  ",
        b"-n",
        b"*?[a]\\",
        b"'quotes\"",
        b".hidden",
        "ünïcödé ☃".as_bytes(),
        long.as_bytes(),
    ];
    for name in odd {
        fs::write(at.join(OsStr::from_bytes(name)), name).unwrap();
    }
    fs::create_dir(at.join(OsStr::from_bytes(b"folder\xff\n"))).unwrap();
    fs::write(at.join(OsStr::from_bytes(b"folder\xff\n/inside")), "").unwrap();
    fs::create_dir_all(root.join("empty/empty/empty")).unwrap();
    fs::create_dir_all(root.join(vec!["deep"; 200].join("/"))).unwrap();
}

fn links(root: &Path) {
    let at = root.join("links");
    fs::create_dir_all(at.join("other")).unwrap();
    fs::write(at.join("first"), "one file of three names").unwrap();
    fs::hard_link(at.join("first"), at.join("second")).unwrap();
    fs::hard_link(at.join("first"), at.join("other/third")).unwrap();
    fs::write(at.join("twin"), "one file of three names").unwrap();
    symlink("first", at.join("relative")).unwrap();
    symlink("/etc/passwd", at.join("absolute")).unwrap();
    symlink(OsStr::from_bytes(b"nowhere \xff\n"), at.join("dangling")).unwrap();
    symlink("..", at.join("up")).unwrap();
    fs::hard_link(at.join("dangling"), at.join("dangling-too")).unwrap();
    lchown(at.join("absolute"), Some(4242), Some(4343)).unwrap();
}

fn sparse(root: &Path) {
    let at = root.join("sparse");
    fs::create_dir(&at).unwrap();
    File::create(at.join("only-a-hole")).unwrap().set_len(64 << 20).unwrap();
    let mut mixed = File::create(at.join("mixed")).unwrap();
    for part in 0..8_u64 {
        mixed.seek(SeekFrom::Start(part * (32 << 20))).unwrap();
        mixed.write_all(format!("island {part}").as_bytes()).unwrap();
    }
    mixed.set_len(1 << 30).unwrap();
}

fn special(root: &Path) {
    let at = root.join("special");
    fs::create_dir(&at).unwrap();
    for (name, kind, device) in [
        ("fifo", FileType::Fifo, 0),
        ("socket", FileType::Socket, 0),
        ("null", FileType::CharacterDevice, rustix::fs::makedev(1, 3)),
        ("loop", FileType::BlockDevice, rustix::fs::makedev(7, 0)),
    ] {
        mknodat(CWD, at.join(name), kind, Mode::from_raw_mode(0o640), device).unwrap();
    }
}

/// Returns an ACL as the kernel keeps it: a version, then tag, permissions and id of each entry.
fn acl(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, allowed, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(allowed.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// Sets extended attributes, none of them `trusted.`: to see those, a container, ours or the workload's own, has to be
/// all but the node's root.
fn attributes(root: &Path) {
    const NOBODY: u32 = u32::MAX;
    let at = root.join("attributes");
    fs::create_dir_all(at.join("folder")).unwrap();
    let set = |name: &str, key: &str, value: &[u8]| {
        setxattr(at.join(name), key, value, XattrFlags::empty())
            .unwrap_or_else(|error| panic!("{key} on {name}: {error}"));
    };
    for name in ["plain", "with-acl", "capable"] {
        fs::write(at.join(name), name).unwrap();
    }
    set("plain", "user.text", b"a value");
    set("plain", "user.bytes", &[0, 1, 2, 255, 254, b'\n']);
    set("plain", "user.empty", b"");
    set("plain", "user.large", &[7; 2000]);
    set("folder", "user.of-a-folder", b"yes");
    // User, a named user, group, a named group, mask, others.
    let entries = [(1, 6, NOBODY), (2, 4, 1234), (4, 4, NOBODY), (8, 6, 5678), (16, 6, NOBODY), (32, 0, NOBODY)];
    set("with-acl", "system.posix_acl_access", &acl(&entries));
    set("folder", "system.posix_acl_default", &acl(&entries));
    // cap_net_bind_service, permitted and effective, in the kernel's second version.
    let capability = [0x0200_0001_u32, 1 << 10, 0, 0, 0].map(u32::to_le_bytes).concat();
    set("capable", "security.capability", &capability);
}

fn owners_and_modes(root: &Path) {
    let at = root.join("owners");
    fs::create_dir(&at).unwrap();
    for (name, owner, group, mode) in [
        ("set-uid", 1000, 1000, 0o4755),
        ("set-gid", 0, 70_000, 0o2711),
        ("both", 1_234_567, 7_654_321, 0o6750),
        ("nobody-reads", 999, 999, 0o000),
        ("read-only", 0, 0, 0o444),
    ] {
        let path = at.join(name);
        fs::write(&path, name).unwrap();
        chown(&path, Some(owner), Some(group)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    for (name, mode) in [("sticky", 0o1777), ("set-gid-folder", 0o2775), ("closed", 0o000)] {
        fs::create_dir(at.join(name)).unwrap();
        fs::write(at.join(name).join("inside"), "").unwrap();
        fs::set_permissions(at.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn times(root: &Path) {
    let at = root.join("times");
    fs::create_dir(&at).unwrap();
    for (name, seconds, nanoseconds) in [
        ("nanosecond", 1_600_000_000, 1),
        ("almost-a-second", 1_600_000_000, 999_999_999),
        ("at-the-epoch", 0, 0),
        ("before-the-epoch", -1_000_000_000, 123_456_789),
        ("in-the-future", 4_200_000_000, 5),
        ("folder", 1_500_000_000, 7),
        ("link", 1_400_000_000, 9),
    ] {
        let path = at.join(name);
        match name {
            "folder" => fs::create_dir(&path).unwrap(),
            "link" => symlink("nanosecond", &path).unwrap(),
            _ => fs::write(&path, name).unwrap(),
        }
        let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
        let both = Timestamps { last_access: time, last_modification: time };
        utimensat(CWD, &path, &both, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
}

/// Makes very many small files.
pub(crate) fn many(root: &Path) {
    for folder in 0..MANY / 100 {
        let at = root.join(format!("many/{folder:03}"));
        fs::create_dir_all(&at).unwrap();
        for file in 0..100 {
            fs::write(at.join(format!("{file:02}")), format!("file {file} of folder {folder}\n")).unwrap();
        }
    }
}

/// Makes one large file without holes or repetition.
pub(crate) fn large(root: &Path) {
    let mut file = File::create(root.join("large")).unwrap();
    let mut number = 1_u64;
    let mut block = vec![0_u8; 1 << 20];
    for _ in 0..LARGE >> 20 {
        for word in block.chunks_exact_mut(8) {
            // A linear congruence: quick, and no rsync or file system can shorten it.
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            word.copy_from_slice(&number.to_le_bytes());
        }
        file.write_all(&block).unwrap();
    }
}
