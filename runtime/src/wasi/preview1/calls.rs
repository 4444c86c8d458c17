//! The calls of wasip1: those of sockets are the context's, everything else is wasmtime-wasi's.

use super::context::Context;
use super::poll;
use super::sockets::{FIRST_ACCEPTED, Kind};
use crate::guest::Listeners;
use wasmtime::{Caller, Extern, Linker, Result};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p1::types::*;
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self, WasiSnapshotPreview1};
use wiggle::{GuestMemory, GuestPtr};

/// Hands methods on. `unless` names a descriptor that must not be a socket, and the answer if it is.
macro_rules! hand_on {
    (@check $self:ident) => {};
    (@check $self:ident $($fd:ident $errno:ident)+) => { $($self.no_socket($fd, Errno::$errno)?;)+ };
    ($(
        $kind:ident fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $(, unless $($fd:ident $errno:ident)+)?;
    )*) => { $( hand_on!{@one $kind $name [$($arg: $ty),*] $ret [$($($fd $errno)+)?]} )* };
    (@one sync $name:ident [$($arg:ident: $ty:ty),*] $ret:ty [$($check:tt)*]) => {
        fn $name(&mut self, memory: &mut GuestMemory<'_>, $($arg: $ty),*) -> Result<$ret, Error> {
            hand_on!{@check self $($check)*}
            self.inner.$name(memory, $($arg),*)
        }
    };
    (@one wait $name:ident [$($arg:ident: $ty:ty),*] $ret:ty [$($check:tt)*]) => {
        async fn $name(&mut self, memory: &mut GuestMemory<'_>, $($arg: $ty),*) -> Result<$ret, Error> {
            hand_on!{@check self $($check)*}
            self.inner.$name(memory, $($arg),*).await
        }
    };
}

impl WasiSnapshotPreview1 for Context {
    hand_on! {
        sync fn args_get(argv: GuestPtr<GuestPtr<u8>>, bytes: GuestPtr<u8>) -> ();
        sync fn args_sizes_get() -> (Size, Size);
        sync fn environ_get(environ: GuestPtr<GuestPtr<u8>>, bytes: GuestPtr<u8>) -> ();
        sync fn environ_sizes_get() -> (Size, Size);
        sync fn clock_res_get(id: Clockid) -> Timestamp;
        sync fn clock_time_get(id: Clockid, precision: Timestamp) -> Timestamp;
        wait fn fd_advise(fd: Fd, offset: Filesize, length: Filesize, advice: Advice) -> (), unless fd Spipe;
        sync fn fd_allocate(fd: Fd, offset: Filesize, length: Filesize) -> (), unless fd Spipe;
        wait fn fd_datasync(fd: Fd) -> (), unless fd Inval;
        sync fn fd_fdstat_set_rights(fd: Fd, base: Rights, inheriting: Rights) -> (), unless fd Notsup;
        wait fn fd_filestat_set_size(fd: Fd, size: Filesize) -> (), unless fd Inval;
        wait fn fd_filestat_set_times(fd: Fd, atim: Timestamp, mtim: Timestamp, flags: Fstflags) -> (), unless fd Inval;
        wait fn fd_pread(fd: Fd, buffers: IovecArray, offset: Filesize) -> Size, unless fd Spipe;
        wait fn fd_pwrite(fd: Fd, buffers: CiovecArray, offset: Filesize) -> Size, unless fd Spipe;
        wait fn fd_seek(fd: Fd, offset: Filedelta, whence: Whence) -> Filesize, unless fd Spipe;
        sync fn fd_tell(fd: Fd) -> Filesize, unless fd Spipe;
        wait fn fd_sync(fd: Fd) -> (), unless fd Inval;
        wait fn fd_readdir(fd: Fd, buffer: GuestPtr<u8>, length: Size, cookie: Dircookie) -> Size, unless fd Notdir;
        wait fn path_create_directory(fd: Fd, path: GuestPtr<str>) -> (), unless fd Notdir;
        wait fn path_filestat_get(fd: Fd, flags: Lookupflags, path: GuestPtr<str>) -> Filestat, unless fd Notdir;
        wait fn path_filestat_set_times(fd: Fd, flags: Lookupflags, path: GuestPtr<str>, atim: Timestamp, mtim: Timestamp, which: Fstflags) -> (), unless fd Notdir;
        wait fn path_link(fd: Fd, flags: Lookupflags, path: GuestPtr<str>, to: Fd, to_path: GuestPtr<str>) -> (), unless fd Notdir to Notdir;
        wait fn path_readlink(fd: Fd, path: GuestPtr<str>, buffer: GuestPtr<u8>, length: Size) -> Size, unless fd Notdir;
        wait fn path_remove_directory(fd: Fd, path: GuestPtr<str>) -> (), unless fd Notdir;
        wait fn path_rename(fd: Fd, path: GuestPtr<str>, to: Fd, to_path: GuestPtr<str>) -> (), unless fd Notdir to Notdir;
        wait fn path_symlink(path: GuestPtr<str>, fd: Fd, to_path: GuestPtr<str>) -> (), unless fd Notdir;
        wait fn path_unlink_file(fd: Fd, path: GuestPtr<str>) -> (), unless fd Notdir;
        sync fn proc_raise(signal: Signal) -> ();
        sync fn sched_yield() -> ();
        sync fn random_get(buffer: GuestPtr<u8>, length: Size) -> ();
    }

    fn set_hostcall_fuel(&mut self, fuel: usize) {
        self.inner.set_hostcall_fuel(fuel);
    }

    /// Any status ends the guest: the 126 values that wasmtime-wasi takes are a habit of shells, not of wasip1.
    fn proc_exit(&mut self, _: &mut GuestMemory<'_>, status: Exitcode) -> wasmtime::Error {
        I32Exit(status as i32).into()
    }

    async fn fd_close(&mut self, memory: &mut GuestMemory<'_>, fd: Fd) -> Result<(), Error> {
        // Dropping the stream closes it, and close(2) sends the end of the stream.
        match self.sockets.close(fd.into()) {
            Some(_) => self.close_placeholder(memory, fd).await,
            None => self.inner.fd_close(memory, fd).await,
        }
    }

    async fn fd_fdstat_get(&mut self, memory: &mut GuestMemory<'_>, fd: Fd) -> Result<Fdstat, Error> {
        let Some(socket) = self.socket(fd) else {
            return self.inner.fd_fdstat_get(memory, fd).await;
        };
        let mut rights =
            Rights::FD_FDSTAT_SET_FLAGS | Rights::POLL_FD_READWRITE | Rights::FD_FILESTAT_GET | Rights::SOCK_SHUTDOWN;
        rights |= match socket.kind {
            Kind::Listener { .. } => Rights::SOCK_ACCEPT,
            Kind::Stream(_) | Kind::Fresh(_) | Kind::Datagrams(_) => Rights::FD_READ | Rights::FD_WRITE,
        };
        let fs_filetype = match socket.kind {
            Kind::Datagrams(_) => Filetype::SocketDgram,
            _ => Filetype::SocketStream,
        };
        let nonblocking = if socket.nonblocking {
            Fdflags::NONBLOCK
        } else {
            Fdflags::empty()
        };
        Ok(Fdstat {
            fs_filetype,
            fs_flags: nonblocking,
            fs_rights_base: rights,
            // What accepted connections get.
            fs_rights_inheriting: Rights::FD_READ | Rights::FD_WRITE | rights,
        })
    }

    fn fd_fdstat_set_flags(&mut self, memory: &mut GuestMemory<'_>, fd: Fd, flags: Fdflags) -> Result<(), Error> {
        match self.socket(fd) {
            Some(socket) => {
                socket.nonblocking = flags.contains(Fdflags::NONBLOCK);
                Ok(())
            }
            None => self.inner.fd_fdstat_set_flags(memory, fd, flags),
        }
    }

    async fn fd_filestat_get(&mut self, memory: &mut GuestMemory<'_>, fd: Fd) -> Result<Filestat, Error> {
        if !self.sockets.has(fd.into()) {
            return self.inner.fd_filestat_get(memory, fd).await;
        }
        Ok(Filestat {
            dev: 0,
            ino: u64::from(u32::from(fd)),
            filetype: Filetype::SocketStream,
            nlink: 1,
            size: 0,
            atim: 0,
            mtim: 0,
            ctim: 0,
        })
    }

    fn fd_prestat_get(&mut self, memory: &mut GuestMemory<'_>, fd: Fd) -> Result<Prestat, Error> {
        if !self.sockets.has(fd.into()) {
            return self.inner.fd_prestat_get(memory, fd);
        }
        Err(match self.sockets.order {
            // wasi-libc ends its search here, in peace; any other error would end the program.
            Listeners::AfterDirectories => Errno::Badf,
            // Go passes over it and goes on to the directories behind.
            Listeners::BeforeDirectories => Errno::Notdir,
        }
        .into())
    }

    fn fd_prestat_dir_name(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        path: GuestPtr<u8>,
        length: Size,
    ) -> Result<(), Error> {
        self.no_socket(fd, Errno::Notdir)?;
        self.inner.fd_prestat_dir_name(memory, fd, path, length)
    }

    async fn fd_read(&mut self, memory: &mut GuestMemory<'_>, fd: Fd, buffers: IovecArray) -> Result<Size, Error> {
        if self.sockets.has(fd.into()) {
            self.receive(memory, fd, buffers, Riflags::empty()).await
        } else {
            self.inner.fd_read(memory, fd, buffers).await
        }
    }

    async fn fd_write(&mut self, memory: &mut GuestMemory<'_>, fd: Fd, buffers: CiovecArray) -> Result<Size, Error> {
        if self.sockets.has(fd.into()) {
            self.send(memory, fd, buffers).await
        } else {
            self.inner.fd_write(memory, fd, buffers).await
        }
    }

    async fn fd_renumber(&mut self, memory: &mut GuestMemory<'_>, from: Fd, to: Fd) -> Result<(), Error> {
        match (self.sockets.has(from.into()), self.sockets.has(to.into())) {
            (false, false) => self.inner.fd_renumber(memory, from, to).await,
            (true, true) => {
                if from != to
                    && let Some(socket) = self.sockets.close(from.into())
                {
                    self.sockets.put(to.into(), socket);
                    self.close_placeholder(memory, from).await?;
                }
                Ok(())
            }
            // A socket and a file live in different tables.
            _ => Err(Errno::Notsup.into()),
        }
    }

    async fn path_open(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        lookup: Lookupflags,
        path: GuestPtr<str>,
        open: Oflags,
        base: Rights,
        inheriting: Rights,
        flags: Fdflags,
    ) -> Result<Fd, Error> {
        self.no_socket(fd, Errno::Notdir)?;
        let opened = self
            .inner
            .path_open(memory, fd, lookup, path, open, base, inheriting, flags)
            .await?;
        if u32::from(opened) >= FIRST_ACCEPTED {
            // The numbers from there on are for connections.
            let _ = self.inner.fd_close(memory, opened).await;
            return Err(Errno::Mfile.into());
        }
        Ok(opened)
    }

    async fn poll_oneoff(
        &mut self,
        memory: &mut GuestMemory<'_>,
        subscriptions: GuestPtr<Subscription>,
        events: GuestPtr<Event>,
        count: Size,
    ) -> Result<Size, Error> {
        if poll::names_socket(&self.sockets, memory, subscriptions, count)? {
            poll::poll(self, memory, subscriptions, events, count).await
        } else {
            self.inner.poll_oneoff(memory, subscriptions, events, count).await
        }
    }

    // The trait's four socket calls cannot wait; `add_to_linker` puts ones that can in their place.
    fn sock_accept(&mut self, _: &mut GuestMemory<'_>, _: Fd, _: Fdflags) -> Result<Fd, Error> {
        Err(Errno::Notsock.into())
    }

    fn sock_recv(
        &mut self,
        _: &mut GuestMemory<'_>,
        _: Fd,
        _: IovecArray,
        _: Riflags,
    ) -> Result<(Size, Roflags), Error> {
        Err(Errno::Notsock.into())
    }

    fn sock_send(&mut self, _: &mut GuestMemory<'_>, _: Fd, _: CiovecArray, _: Siflags) -> Result<Size, Error> {
        Err(Errno::Notsock.into())
    }

    fn sock_shutdown(&mut self, _: &mut GuestMemory<'_>, fd: Fd, how: Sdflags) -> Result<(), Error> {
        self.shut(fd, how)
    }
}

const MODULE: &str = "wasi_snapshot_preview1";

/// Adds all of wasip1. `sock_accept`, `sock_recv` and `sock_send` wait when their descriptor is blocking.
pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut Context + Copy + Send + Sync + 'static,
) -> Result<()> {
    wasi_snapshot_preview1::add_to_linker(linker, get)?;
    linker.allow_shadowing(true);
    linker.func_wrap_async(
        MODULE,
        "sock_accept",
        move |mut caller: Caller<'_, T>, (fd, flags, to): (u32, u32, u32)| {
            Box::new(async move {
                let (memory, context) = split(&mut caller, get)?;
                let accepted = async {
                    let accepted = context.accept(Fd::from(fd), fdflags(flags)).await?;
                    memory_write(memory, to, u32::from(accepted))
                };
                code(accepted.await)
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "sock_recv",
        move |mut caller: Caller<'_, T>, (fd, buffers, count, flags, to, to_flags): (u32, u32, u32, u32, u32, u32)| {
            Box::new(async move {
                let (memory, context) = split(&mut caller, get)?;
                let received = async {
                    let flags = u16::try_from(flags).ok().and_then(Riflags::from_bits);
                    let buffers = GuestPtr::<[Iovec]>::new((buffers, count));
                    let flags = flags.ok_or(Errno::Inval)?;
                    let mut guest = GuestMemory::Unshared(memory);
                    let length = context.receive(&mut guest, Fd::from(fd), buffers, flags).await?;
                    guest.write(GuestPtr::new(to), length)?;
                    guest.write(GuestPtr::new(to_flags), 0u16)?;
                    Ok(())
                };
                code(received.await)
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "sock_send",
        move |mut caller: Caller<'_, T>, (fd, buffers, count, _flags, to): (u32, u32, u32, u32, u32)| {
            Box::new(async move {
                let (memory, context) = split(&mut caller, get)?;
                let sent = async {
                    let buffers = GuestPtr::<[Ciovec]>::new((buffers, count));
                    let mut guest = GuestMemory::Unshared(memory);
                    let length = context.send(&mut guest, Fd::from(fd), buffers).await?;
                    guest.write(GuestPtr::new(to), length)?;
                    Ok(())
                };
                code(sent.await)
            })
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

fn fdflags(bits: u32) -> Fdflags {
    Fdflags::from_bits_truncate(bits as u16)
}

fn memory_write(memory: &mut [u8], to: u32, value: u32) -> Result<(), Error> {
    Ok(GuestMemory::Unshared(memory).write(GuestPtr::new(to), value)?)
}

pub(super) fn split<'a, T: 'static>(
    caller: &'a mut Caller<'_, T>,
    get: impl Fn(&mut T) -> &mut Context,
) -> Result<(&'a mut [u8], &'a mut Context)> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        wasmtime::bail!("the module exports no memory");
    };
    let (memory, state) = memory.data_and_store_mut(caller);
    Ok((memory, get(state)))
}

/// The raw result of a wasip1 call.
pub(super) fn code(result: Result<(), Error>) -> Result<u32> {
    match result {
        Ok(()) => Ok(0),
        Err(error) => error.downcast().map(|errno| errno as u32),
    }
}
