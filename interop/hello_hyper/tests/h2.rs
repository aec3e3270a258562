//! h2 without hyper, which wants tokio's traits of a stream and nothing else: a server as `curl` sees it.

use filch::net::{self, TcpListener, TcpStream};
use h2::RecvStream;
use h2::server::SendResponse;
use hyper::Response;
use hyper::body::Bytes;
use peers::{Folder, argument, curl, text};
use std::net::SocketAddr;

async fn serve(stream: TcpStream, _peer: SocketAddr) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(request) = connection.accept().await {
        let (request, answer) = request?;
        drop(filch::spawn(echo(request.into_body(), answer)));
    }
    Ok(())
}

async fn echo(mut body: RecvStream, mut answer: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let mut answer = answer.send_response(Response::new(()), false)?;
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        answer.send_data(data, false)?;
    }
    answer.send_data(Bytes::new(), true)
}

#[test]
fn curl_gets_back_what_it_sends() {
    let folder = Folder::new();
    let sent = "0123456789abcdef".repeat(1 << 16);
    folder.write("body", &sent);
    let data = format!("@{}", argument(&folder.file("body")));
    let (answer, report) = filch::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        let server = net::serve(listener, serve);
        let asking = filch::to_thread(move || {
            curl(&["--http2-prior-knowledge", "--data-binary", &data, &url])
        });
        let answer = asking.await;
        (answer, server.drain().await)
    });
    assert!(text(answer) == sent);
    assert_eq!((report.accepted, report.completed), (1, 1), "{report}");
}
