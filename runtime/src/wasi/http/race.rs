//! Which of a name's addresses is connected to (RFC 8305).

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::net::IpAddr;
use std::time::Duration;

/// The next address is tried so long after the last one (section 5, Connection Attempt Delay).
const NEXT: Duration = Duration::from_millis(250);

/// Connects to addresses of both families in turn, to the next when the last has failed, or has not answered for a while; gives what
/// the first to answer gives, or the last error. None where there is no address.
pub(super) async fn first<T, E, F>(addresses: &[IpAddr], connect: impl Fn(IpAddr) -> F) -> Option<Result<T, E>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut waiting = in_turn(addresses).into_iter().peekable();
    let mut attempts = FuturesUnordered::new();
    let mut last = None;
    loop {
        attempts.extend(waiting.next().map(&connect));
        if attempts.is_empty() {
            return last;
        }
        tokio::select! {
            Some(ended) = attempts.next() => match ended {
                Ok(connected) => return Some(Ok(connected)),
                Err(error) => last = Some(Err(error)),
            },
            () = tokio::time::sleep(NEXT), if waiting.peek().is_some() => {}
        }
    }
}

/// Families take turns; the first address stays the first (section 4).
fn in_turn(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let is_first = |address: &&IpAddr| {
        addresses
            .first()
            .is_some_and(|first| first.is_ipv4() == address.is_ipv4())
    };
    let (one, other): (Vec<&IpAddr>, Vec<&IpAddr>) = addresses.iter().partition(is_first);
    let longest = one.len().max(other.len());
    let turns = (0..longest).flat_map(|turn| [one.get(turn), other.get(turn)]);
    turns.flatten().map(|address| **address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::time::Instant;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        for (given, wanted) in [
            (
                &["::1", "::2", "::3", "1.1.1.1"][..],
                &["::1", "1.1.1.1", "::2", "::3"][..],
            ),
            (
                &["1.1.1.1", "2.2.2.2", "::1", "::2"],
                &["1.1.1.1", "::1", "2.2.2.2", "::2"],
            ),
            (&["::1"], &["::1"]),
            (&[], &[]),
        ] {
            assert_eq!(in_turn(&addresses(given)), addresses(wanted));
        }
    }

    /// What is answered by an address whose last number is odd, even, or 4: a connection, an error, nothing.
    async fn answer(ip: IpAddr, tried: &Mutex<Vec<IpAddr>>) -> Result<IpAddr, &'static str> {
        tried.lock().unwrap().push(ip);
        match ip.to_string().as_bytes().last() {
            Some(b'4') => std::future::pending().await,
            Some(b'2') => Err("refused"),
            _ => Ok(ip),
        }
    }

    #[tokio::test]
    async fn what_fails_or_says_nothing_is_followed_by_the_next() {
        for (given, wanted, most_tried) in [
            (&["::2", "1.1.1.1"][..], Some(Ok("1.1.1.1")), 2),
            (&["::4", "1.1.1.4", "::1"], Some(Ok("::1")), 3),
            (&["::1", "1.1.1.1"], Some(Ok("::1")), 1),
            (&["::2", "1.1.1.2"], Some(Err("refused")), 2),
            (&[], None, 0),
        ] {
            let (tried, began) = (Mutex::default(), Instant::now());
            let result = first(&addresses(given), |ip| answer(ip, &tried)).await;
            assert_eq!(result, wanted.map(|result| result.map(|ip: &str| ip.parse().unwrap())));
            assert_eq!(tried.lock().unwrap().len(), most_tried, "{given:?}");
            assert!(began.elapsed() < NEXT * 4);
        }
    }
}
