//! An address that stays while the server behind it is exchanged.

use std::io::Write as _;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Passes every connection on to the server of the moment.
pub(crate) struct Relay {
    /// `http://127.0.0.1:PORT`
    pub(crate) address: String,
    target: Arc<Mutex<String>>,
}

impl Relay {
    /// Listens on a free port.
    pub(crate) fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let target = Arc::new(Mutex::new(host(target)));
        let of_the_moment = Arc::clone(&target);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let target = of_the_moment.lock().unwrap().clone();
                if let Ok(server) = TcpStream::connect(target) {
                    let (client_too, server_too) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                    std::thread::spawn(move || pump(client, server));
                    std::thread::spawn(move || pump(server_too, client_too));
                }
            }
        });
        Self { address, target }
    }

    /// New connections go to another server.
    pub(crate) fn to(&self, target: &str) {
        *self.target.lock().unwrap() = host(target);
    }
}

fn host(address: &str) -> String {
    address.strip_prefix("http://").unwrap().to_owned()
}

fn pump(mut from: TcpStream, mut to: TcpStream) {
    // A side that is gone ends both.
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.flush();
    let _ = to.shutdown(Shutdown::Both);
}
