//! Files that go with the test.

use crate::{argument, command, output, text};
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A folder for the files of a test; they go with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        static SWEEPER: OnceLock<Child> = OnceLock::new();
        let ours = std::env::temp_dir().join(format!("filch-{}", std::process::id()));
        SWEEPER.get_or_init(|| sweeper(&ours));
        let path = format!("{}-{}", argument(&ours), COUNT.fetch_add(1, Relaxed)).into();
        fs::create_dir(&path).expect("nobody else has this name");
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where a file of this name is, or will be.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.file(name), contents).expect("a writable folder");
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.file(name)).expect("a file of this name")
    }

    /// Gives the folder, and what is in it, to a user. `false`: it is not root's to give, nor the user's own.
    pub(crate) fn give_to(&self, user: u32) -> bool {
        let can_be_given = [0, user].contains(&fs::metadata(&self.0).expect("it is there").uid());
        if can_be_given {
            let files = fs::read_dir(&self.0).expect("it is readable");
            let files = files.map(|file| file.expect("it is readable").path());
            for path in files.chain([self.0.clone()]) {
                chown(path, Some(user), Some(user)).expect("root may");
            }
        }
        can_be_given
    }
}

/// Removes what is left of our folders when this program has ended, in whatever way: then its end of the pipe is closed.
fn sweeper(ours: &Path) -> Child {
    let mut sweeper = Command::new("sh");
    sweeper.args(["-c", "read _; rm -rf \"$0\"-*"]).arg(ours).current_dir("/");
    sweeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    sweeper.process_group(0); // A terminal's Ctrl-C is not for it.
    sweeper.spawn().expect("there is a shell")
}

impl Default for Folder {
    fn default() -> Self {
        Folder::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A key and a certificate for `localhost` and `127.0.0.1`, signed with the key itself; the files go with this.
pub struct Certificate {
    folder: Folder,
}

impl Certificate {
    /// Lets `openssl` make them.
    pub fn new() -> Certificate {
        let folder = Folder::new();
        folder.write("openssl.cnf", CONFIGURATION);
        let mut openssl = command("openssl");
        openssl
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-days", "2", "-config", "openssl.cnf"])
            .args(["-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(folder.path());
        text(output(openssl));
        Certificate { folder }
    }

    pub fn cert(&self) -> PathBuf {
        self.folder.file("cert.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.folder.file("key.pem")
    }

    /// Where both are.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }
}

impl Default for Certificate {
    fn default() -> Self {
        Certificate::new()
    }
}

/// Why our own: the system's would make it the certificate of an authority, which no server may show.
const CONFIGURATION: &str = "\
[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = localhost
[extensions]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
";
