//! A proxy as a process of its own, with a configuration that the guide shows.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

/// Nobody takes this long to start.
const DEADLINE: Duration = Duration::from_secs(20);

/// The page of the guide whose configurations are run.
const GUIDE: &str = include_str!("../../../guide/proxies.md");

/// A proxy that terminates TLS on a free port; dropped, it is killed.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub port: u16,
    directory: PathBuf,
    _process: Child,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The configuration of `name` in the guide.
///
/// # Panics
///
/// When there is none.
#[must_use]
pub fn configuration(name: &str) -> &'static str {
    let (_, rest) = GUIDE
        .split_once(&format!("```{name}\n"))
        .expect("the guide has a block for it");
    rest.split_once("```").expect("a block has an end").0
}

impl Proxy {
    /// Starts `name` with `configuration`, in front of a server on the port `server`.
    ///
    /// # Panics
    ///
    /// When it is not installed, does not start or does not listen in time.
    pub async fn start(name: &str, configuration: &str, server: u16) -> Self {
        let directory = std::env::temp_dir().join(format!("graphex-{name}-{server}"));
        std::fs::create_dir_all(&directory).unwrap();
        certificate(&directory).await;
        let port = free_port();
        let file = directory.join("configuration");
        let text = put_in(configuration, &directory, port, server);
        std::fs::write(&file, whole(name, &text)).unwrap();
        let mut command = command(name, &file, &directory);
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}: ./tests/run.sh installs it"));
        listening(name, port).await;
        Self {
            port,
            directory,
            _process: process,
        }
    }
}

/// The names, ports and certificates of this machine.
fn put_in(configuration: &str, directory: &Path, port: u16, server: u16) -> String {
    let certificate = directory.join("example.com");
    configuration
        .replace("127.0.0.1:8000", &format!("127.0.0.1:{server}"))
        .replace("listen 443 ", &format!("listen 127.0.0.1:{port} "))
        .replace("bind :443 ", &format!("bind 127.0.0.1:{port} "))
        .replace(
            "example.com {",
            &format!(
                "https://localhost:{port} {{\n    tls {0}.crt {0}.key",
                certificate.display()
            ),
        )
        .replace("/etc/ssl/example.com", &certificate.display().to_string())
}

/// What stands around the guide's part in a configuration of the whole program.
fn whole(name: &str, part: &str) -> String {
    match name {
        // Without a master, nothing is left when the process is killed.
        "nginx" => format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr crit;\n\
             events {{}}\nhttp {{ access_log off;\n{part}\n}}"
        ),
        "caddy" => format!(
            "{{\n    admin off\n    auto_https disable_redirects\n    log {{\n        level ERROR\n    }}\n}}\n{part}"
        ),
        _ => part.to_owned(),
    }
}

fn command(name: &str, file: &Path, directory: &Path) -> Command {
    let mut command = Command::new(name);
    match name {
        "nginx" => command.arg("-p").arg(directory).arg("-c").arg(file),
        "haproxy" => command.arg("-db").arg("-q").arg("-f").arg(file),
        "caddy" => command
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(file)
            .env("XDG_DATA_HOME", directory)
            .env("XDG_CONFIG_HOME", directory),
        _ => panic!("no proxy is called {name}"),
    };
    // Debian has them where only root looks.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

/// A certificate for `localhost`, signed by itself; HAProxy reads it and the key from one file.
async fn certificate(directory: &Path) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args([
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-keyout", "example.com.key", "-out", "example.com.crt"])
        .current_dir(directory)
        .stderr(Stdio::null())
        .status();
    assert!(made.await.expect("openssl starts").success());
    let read = |name| std::fs::read_to_string(directory.join(name)).unwrap();
    let both = read("example.com.crt") + &read("example.com.key");
    std::fs::write(directory.join("example.com.pem"), both).unwrap();
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

async fn listening(name: &str, port: u16) {
    let tries = async {
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let listens = tokio::time::timeout(DEADLINE, tries).await;
    assert!(listens.is_ok(), "{name} does not listen");
}
