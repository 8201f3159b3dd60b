//! Who may ask: keeps pages of other sites, and names that were bent to this machine, out.
//!
//! A page elsewhere can have its own name point to 127.0.0.1 (DNS rebinding) and then read the answers; so the Host must be
//! one that is known. It can also send requests without reading the answers; so the Origin of what is not a GET must be this
//! server. And the headers of every answer that say what browsers must not do with it.

use crate::{api_error::ApiError, clients::Client, server::Server};
use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{self, HOST, ORIGIN},
        uri::Authority,
    },
    middleware::Next,
    response::Response,
};
use std::{net::IpAddr, sync::Arc};

/// Bytes of all headers together; hyper itself reads at most four times as much.
pub const MAX_HEADER_BYTES: usize = 16 << 10;

/// Lines of headers.
pub const MAX_HEADERS: usize = 100;

/// Bytes of an address: path and query.
const MAX_ADDRESS_BYTES: usize = 8 << 10;

/// What browsers may do with any answer: show this server's own scripts and styles, and nothing from elsewhere.
pub const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self'; \
             img-src 'self' data: blob:; connect-src 'self'; media-src 'self' blob:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// Lets a request through, or says why not.
pub async fn check(
    State(server): State<Arc<Server>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let headers = request.headers();
    if request.uri().path_and_query().is_some_and(|address| address.as_str().len() > MAX_ADDRESS_BYTES) {
        return Err(long_address());
    }
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size > MAX_HEADER_BYTES {
        return Err(long_headers());
    }
    let reached = request.extensions().get::<Arc<Client>>().map(|client| client.reached);
    let host = host(headers)?;
    // An address with a name in it (`GET http://name/ HTTP/1.1`) goes before the header.
    for asked in std::iter::once(&host).chain(request.uri().authority()) {
        if asked.as_str().contains('@') {
            return Err(bad_host());
        }
        if !is_ours(asked, reached, &server.hosts) {
            let message = format!("{:?} is not a name of this server (see --allow-host)", asked.host());
            return Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "host", message));
        }
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) && !same_origin(headers, &host) {
        let message = "only pages of this server may send this; the Origin is another one";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "origin", message));
    }
    Ok(next.run(request).await)
}

pub fn long_address() -> ApiError {
    let message = format!("an address of at most {MAX_ADDRESS_BYTES} bytes is read");
    ApiError::new(StatusCode::URI_TOO_LONG, "long_address", message)
}

pub fn long_headers() -> ApiError {
    let message = format!("headers of at most {MAX_HEADER_BYTES} bytes and {MAX_HEADERS} lines are read");
    ApiError::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "long_headers", message)
}

/// The one Host of a request.
fn host(headers: &HeaderMap) -> Result<Authority, ApiError> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().filter(|_| hosts.next().is_none());
    let host = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    host.ok_or_else(bad_host)
}

fn bad_host() -> ApiError {
    ApiError::bad("bad_host", "a request has one header Host, a name with or without a port")
}

/// Whether a host is this machine by its local names, by the address at which it was reached, or by a name that the user
/// allowed. Ports do not matter: they may be forwarded.
fn is_ours(host: &Authority, reached: Option<IpAddr>, allowed: &[String]) -> bool {
    let name = host.host();
    let name = name.strip_suffix('.').unwrap_or(name); // the same name, said to be whole
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match address {
        Ok(address) => {
            let local: [IpAddr; 2] = [[127, 0, 0, 1].into(), [0, 0, 0, 0, 0, 0, 0, 1].into()];
            local.contains(&address)
                || reached.is_some_and(|reached| reached.to_canonical() == address.to_canonical())
                || is_allowed(name, allowed)
        }
        Err(_) => name.eq_ignore_ascii_case("localhost") || is_allowed(name, allowed),
    }
}

fn is_allowed(name: &str, allowed: &[String]) -> bool {
    allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}

/// Whether a request comes from a page of this host, or from no page at all.
fn same_origin(headers: &HeaderMap, host: &Authority) -> bool {
    headers.get_all(ORIGIN).iter().all(|origin| {
        let authority = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        authority.is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_ours() {
        let lan: IpAddr = [192, 168, 1, 5].into();
        let allowed = ["digits.example".to_string(), "[fe80::7]".to_string()];
        for (host, ours) in [
            ("127.0.0.1:8427", true),
            ("127.0.0.1", true),
            ("LocalHost:1", true),
            ("localhost.:8427", true),
            ("digits.example.", true),
            ("[::1]:8427", true),
            ("192.168.1.5:8427", true),
            ("Digits.Example", true),
            ("[fe80::7]:80", true),
            ("192.168.1.6", false),
            ("127.0.0.2", false),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("localhost..", false),
            ("0.0.0.0", false),
            ("2130706433", false),
        ] {
            assert_eq!(is_ours(&host.parse().unwrap(), Some(lan), &allowed), ours, "{host}");
        }
    }

    #[test]
    fn only_pages_of_this_host_may_send() {
        let host = "localhost:8427".parse().unwrap();
        for (origin, same) in [
            ("http://localhost:8427", true),
            ("https://LOCALHOST:8427", true),
            ("http://localhost:8428", false),
            ("http://localhost", false),
            ("http://evil.example", false),
            ("null", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
            assert_eq!(same_origin(&headers, &host), same, "{origin}");
        }
        assert!(same_origin(&HeaderMap::new(), &host));
    }
}
