//! Files that go with the test.

use crate::text;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A folder for the files of a test; they go with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("filch-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
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

    /// Gives the folder, and what is in it, to a user. `false`: it is not root's to give.
    pub(crate) fn give_to(&self, user: u32) -> bool {
        let is_roots = fs::metadata(&self.0).expect("it is there").uid() == 0;
        if is_roots {
            let files = fs::read_dir(&self.0).expect("it is readable");
            let files = files.map(|file| file.expect("it is readable").path());
            for path in files.chain([self.0.clone()]) {
                chown(path, Some(user), Some(user)).expect("root may");
            }
        }
        is_roots
    }
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
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-nodes", "-days", "2", "-config", "openssl.cnf"])
            .args(["-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(folder.path())
            .output()
            .expect("these tests need openssl");
        text(made);
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
