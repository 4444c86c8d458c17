//! Threads that are limited as a guest's process is.

use netns::jail::{Broker, Files, Powers, Sockets};
use nix::sched::CloneFlags;
use rustix::event::{PollFd, PollFlags};
use std::sync::mpsc::channel;

/// Runs `test` on a thread that is limited as a guest's process is.
pub fn limited<T: Send + 'static>(sockets: Sockets, test: impl FnOnce() -> T + Send + 'static) -> T {
    let files = Files::Read;
    limited_to(Powers { sockets, files }, test)
}

pub fn limited_to<T: Send + 'static>(powers: Powers, test: impl FnOnce() -> T + Send + 'static) -> T {
    let limited = move || {
        assert!(netns::jail::limit_system_calls(powers).unwrap().is_none());
        test()
    };
    std::thread::spawn(limited).join().unwrap()
}

/// The same in a network namespace of its own, with another thread that is what init is to it.
pub fn brokered<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let inside = || {
        nix::sched::unshare(CloneFlags::CLONE_NEWNET).unwrap();
        super::run("ip", &["link", "set", "lo", "up"]);
        let (sender, receiver) = channel();
        // It is in the namespace that its parent is in.
        let init = std::thread::spawn(move || {
            let broker = Broker::new(receiver.recv().unwrap(), nix::unistd::getpid()).unwrap();
            loop {
                let mut ready = [PollFd::new(&broker, PollFlags::IN)];
                rustix::event::poll(&mut ready, None).unwrap();
                if !ready[0].revents().contains(PollFlags::IN) {
                    return;
                }
                broker.turn();
            }
        });
        let limited = move || {
            let powers = Powers {
                sockets: Sockets::Brokered,
                files: Files::Read,
            };
            sender
                .send(netns::jail::limit_system_calls(powers).unwrap().unwrap())
                .unwrap();
            test()
        };
        let result = std::thread::spawn(limited).join().unwrap();
        init.join().unwrap();
        result
    };
    std::thread::spawn(inside).join().unwrap()
}
