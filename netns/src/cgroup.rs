//! The only place that writes to the control group file systems: a group for one guest, with what it may take of the machine.
//!
//! Of version 2 (Documentation/admin-guide/cgroup-v2.rst in the kernel) where that is delegated, of version 1 for each
//! controller that version 2 has not. Groups lie beside the caller's own, so what bounds the caller bounds them, too.

use procfs::process::{MountInfo, Process};
use procfs::{ProcError, ProcessCGroup};
use rustix::fs::{Access, access};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What groups are called: this, the process that made them, and the process that they are for.
const PREFIX: &str = "wasmrun";
/// The group that the caller moves to, because a group with processes has no groups below it that are bounded ("no internal
/// process constraint").
const OWN: &str = "wasmrun-supervisor";
/// The time that processor time is given out in, in microseconds.
const PERIOD: u64 = 100_000;
/// The kernel takes no less (kernel/sched/core.c, `min_cfs_quota_period`).
const LEAST_QUOTA: u64 = 1_000;
/// A killed process leaves its group within this, nearly always.
const EMPTIED: Duration = Duration::from_millis(20);
const LOOK: Duration = Duration::from_millis(1);

/// What the processes of a group may take, all together. None is as much as there is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Bytes of memory, with what the kernel keeps for them; none of it is swapped out.
    pub memory: Option<u64>,
    /// Processor time in each second, in seconds.
    pub cpus: Option<f64>,
    /// Processes and threads.
    pub tasks: Option<u64>,
}

impl Limits {
    fn controllers(&self) -> Vec<Controller> {
        let wanted = [
            (self.memory.is_some(), Controller::Memory),
            (self.cpus.is_some(), Controller::Cpu),
            (self.tasks.is_some(), Controller::Pids),
        ];
        wanted
            .into_iter()
            .filter_map(|(wanted, one)| wanted.then_some(one))
            .collect()
    }
}

/// What bounds one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    /// Memory.
    Memory,
    /// Processor time.
    Cpu,
    /// Processes and threads.
    Pids,
}

impl Controller {
    fn name(self) -> &'static str {
        match self {
            Controller::Memory => "memory",
            Controller::Cpu => "cpu",
            Controller::Pids => "pids",
        }
    }
}

/// Why there is no group.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// This process's own groups cannot be found.
    #[error("cannot find this process's control group")]
    Unknown(#[from] ProcError),
    /// No group that may be written has the controller.
    #[error("no writable control group has the controller `{}`", .0.name())]
    NotDelegated(Controller),
    /// A file of a group could not be written.
    #[error("cannot write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
}

/// A group of processes. It goes with this value, and so do the processes that are still in it.
#[derive(Debug)]
pub struct Cgroup {
    /// One folder, or with version 1 one for each controller.
    folders: BTreeSet<PathBuf>,
    /// The one that memory is counted in.
    memory: Option<PathBuf>,
}

impl Cgroup {
    /// Makes a group for the process, which is to have started nothing yet, and puts it in.
    ///
    /// # Errors
    ///
    /// The limits cannot be held: a controller is not there, or is not this user's to use.
    pub fn around(process: u32, limits: &Limits) -> Result<Cgroup, CgroupError> {
        let own = Process::myself()?;
        let place = Place {
            mounts: own.mountinfo()?.0,
            groups: own.cgroups()?.0,
            make_folder: |path| fs::create_dir(path),
        };
        let name = format!("{PREFIX}-{}-{process}", std::process::id());
        let group = place.make(&name, limits)?;
        group.add(process)?;
        Ok(group)
    }

    fn add(&self, process: u32) -> Result<(), CgroupError> {
        self.folders
            .iter()
            .try_for_each(|folder| write(&folder.join("cgroup.procs"), &process.to_string()))
    }

    /// How many of its processes the kernel has killed because memory had ended, theirs or the machine's.
    pub fn killed_for_memory(&self) -> u64 {
        let Some(folder) = &self.memory else { return 0 };
        // `memory.events` (version 2), `memory.oom_control` (1): lines of a name and a number.
        let text = fs::read_to_string(folder.join("memory.events"))
            .or_else(|_| fs::read_to_string(folder.join("memory.oom_control")))
            .unwrap_or_default();
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        let count = lines
            .find(|(name, _)| *name == "oom_kill")
            .map(|(_, count)| count.trim().parse());
        count.and_then(Result::ok).unwrap_or(0)
    }

    fn remove(&self) -> bool {
        // All of them are tried, whatever becomes of one.
        let left = self.folders.iter().filter(|folder| !is_removed(folder));
        left.count() == 0
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for folder in &self.folders {
            // Since Linux 5.14, of version 2; elsewhere the end of init has ended them.
            let _ = write(&folder.join("cgroup.kill"), "1");
        }
        let mut waited = Duration::ZERO;
        while !self.remove() && waited < EMPTIED {
            std::thread::sleep(LOOK);
            waited += LOOK;
        }
        // What is left then is removed by a later start.
    }
}

fn is_removed(folder: &Path) -> bool {
    match fs::remove_dir(folder) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Where the calling process is among the groups.
struct Place {
    mounts: Vec<MountInfo>,
    groups: Vec<ProcessCGroup>,
    /// mkdir(2), by which the kernel makes a group with its files.
    make_folder: fn(&Path) -> io::Result<()>,
}

impl Place {
    /// Makes a group that is bounded.
    fn make(&self, name: &str, limits: &Limits) -> Result<Cgroup, CgroupError> {
        let mut group = Cgroup {
            folders: BTreeSet::new(),
            memory: None,
        };
        let unified = self.unified();
        let held = unified
            .as_ref()
            .map(|(_, own)| words(&own.join("cgroup.controllers")))
            .unwrap_or_default();
        let (of_two, of_one): (Vec<_>, Vec<_>) = limits
            .controllers()
            .into_iter()
            .partition(|one| held.iter().any(|held| held == one.name()));
        if let Some((root, own)) = unified
            && !of_two.is_empty()
        {
            let parent = self.parent(&root, &own, &of_two)?;
            self.open(&mut group, parent.join(name))?;
        }
        for controller in of_one {
            let own = self
                .of_controller(controller)
                .filter(|own| access(own, Access::WRITE_OK).is_ok())
                .ok_or(CgroupError::NotDelegated(controller))?;
            self.open(&mut group, own.join(name))?;
        }
        group.limit(limits)?;
        Ok(group)
    }

    /// The nearest group, the caller's own or one around it, below which groups can be made that are bounded. Where the caller
    /// is alone in its own, it makes room for them.
    fn parent(&self, root: &Path, own: &Path, controllers: &[Controller]) -> Result<PathBuf, CgroupError> {
        let missing = |folder: &Path, file: &str| {
            let there = words(&folder.join(file));
            controllers
                .iter()
                .find(|one| !there.iter().any(|there| there == one.name()))
                .copied()
        };
        let around = own.ancestors().take_while(|folder| folder.starts_with(root));
        for folder in around {
            // Who moves a process writes to the nearest group that both places are in.
            let is_ours = [folder.to_owned(), folder.join("cgroup.procs")]
                .iter()
                .all(|path| access(path, Access::WRITE_OK).is_ok());
            if !is_ours {
                break;
            }
            if missing(folder, "cgroup.subtree_control").is_none() {
                return Ok(folder.to_owned());
            }
            let here = std::process::id().to_string();
            if folder == own
                && missing(folder, "cgroup.controllers").is_none()
                && words(&own.join("cgroup.procs")) == [here]
            {
                self.make_room(own, controllers)?;
                return Ok(own.to_owned());
            }
        }
        Err(CgroupError::NotDelegated(
            missing(own, "cgroup.subtree_control").unwrap_or(Controller::Memory),
        ))
    }

    /// Moves the caller one group down, and has its controllers hold for the groups below.
    fn make_room(&self, own: &Path, controllers: &[Controller]) -> Result<(), CgroupError> {
        let down = own.join(OWN);
        self.make_group(&down)?;
        write(&down.join("cgroup.procs"), &std::process::id().to_string())?;
        let wanted: Vec<String> = controllers.iter().map(|one| format!("+{}", one.name())).collect();
        write(&own.join("cgroup.subtree_control"), &wanted.join(" "))
    }

    fn open(&self, group: &mut Cgroup, folder: PathBuf) -> Result<(), CgroupError> {
        if let Some(parent) = folder.parent() {
            sweep(parent);
        }
        // Controllers of version 1 may share a folder.
        self.make_group(&folder)?;
        group.folders.insert(folder);
        Ok(())
    }

    /// Makes a group where there is none.
    fn make_group(&self, folder: &Path) -> Result<(), CgroupError> {
        match (self.make_folder)(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(CgroupError::Write(folder.to_owned(), error))
            }
            _ => Ok(()),
        }
    }

    /// Version 2: the top of what is mounted of it, and the caller's own group below.
    fn unified(&self) -> Option<(PathBuf, PathBuf)> {
        let group = self.groups.iter().find(|group| group.hierarchy == 0)?;
        let mount = self.mounts.iter().find(|mount| mount.fs_type == "cgroup2")?;
        Some((mount.mount_point.clone(), below(mount, &group.pathname)?))
    }

    /// Version 1: the caller's own group of a controller.
    fn of_controller(&self, controller: Controller) -> Option<PathBuf> {
        let name = controller.name();
        let group = self
            .groups
            .iter()
            .find(|group| group.controllers.iter().any(|one| one == name))?;
        let is_its = |mount: &&MountInfo| mount.fs_type == "cgroup" && mount.super_options.contains_key(name);
        below(self.mounts.iter().find(is_its)?, &group.pathname)
    }
}

/// Where a group is seen. One outside of what is mounted begins with `/..` (cgroup_namespaces(7)).
fn below(mount: &MountInfo, group: &str) -> Option<PathBuf> {
    let inside = Path::new(group).strip_prefix(&mount.root).ok()?;
    let is_up = |part: std::path::Component<'_>| part == std::path::Component::ParentDir;
    (!inside.components().any(is_up)).then(|| mount.mount_point.join(inside))
}

impl Cgroup {
    fn limit(&mut self, limits: &Limits) -> Result<(), CgroupError> {
        for controller in limits.controllers() {
            let has = |file: &str| {
                self.folders
                    .iter()
                    .map(|folder| folder.join(file))
                    .find(|file| file.exists())
            };
            match controller {
                Controller::Memory => {
                    let most = limits.memory.unwrap_or(u64::MAX).to_string();
                    let file = has("memory.max").or_else(|| has("memory.limit_in_bytes"));
                    let file = file.ok_or(CgroupError::NotDelegated(controller))?;
                    write(&file, &most)?;
                    // Where there is swap, and it is counted.
                    let _ = has("memory.swap.max").map(|file| write(&file, "0"));
                    let _ = has("memory.memsw.limit_in_bytes").map(|file| write(&file, &most));
                    self.memory = file.parent().map(Path::to_owned);
                }
                Controller::Cpu => {
                    let quota = (limits.cpus.unwrap_or(0.0) * PERIOD as f64) as u64;
                    let quota = quota.max(LEAST_QUOTA);
                    match (has("cpu.max"), has("cpu.cfs_quota_us")) {
                        (Some(file), _) => write(&file, &format!("{quota} {PERIOD}"))?,
                        (None, Some(file)) => {
                            write(&file.with_file_name("cpu.cfs_period_us"), &PERIOD.to_string())?;
                            write(&file, &quota.to_string())?;
                        }
                        (None, None) => return Err(CgroupError::NotDelegated(controller)),
                    }
                }
                Controller::Pids => {
                    let file = has("pids.max").ok_or(CgroupError::NotDelegated(controller))?;
                    write(&file, &limits.tasks.unwrap_or(u64::MAX).to_string())?;
                }
            }
        }
        Ok(())
    }
}

/// Removes groups of supervisors that were killed. One that has processes cannot be removed.
fn sweep(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let maker = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.strip_prefix('-')?.split_once('-'));
        let is_gone =
            maker.is_some_and(|(maker, _)| maker.parse::<u32>().is_ok() && !Path::new("/proc").join(maker).exists());
        if is_gone {
            is_removed(&entry.path());
        }
    }
}

fn words(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

fn write(file: &Path, text: &str) -> Result<(), CgroupError> {
    let written = OpenOptions::new()
        .write(true)
        .open(file)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| CgroupError::Write(file.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use procfs::{FromBufRead, ProcessCGroups, process::MountInfos};

    const ALL: Limits = Limits {
        memory: Some(64 << 20),
        cpus: Some(1.5),
        tasks: Some(40),
    };
    const FILES_OF_TWO: &[&str] = &[
        "cgroup.procs",
        "cgroup.subtree_control",
        "cgroup.controllers",
        "memory.max",
        "memory.swap.max",
        "cpu.max",
        "pids.max",
    ];
    /// Each hierarchy of version 1 has the files of its controllers.
    fn make_of_one(path: &Path) -> io::Result<()> {
        let is_of = |name: &str| path.iter().any(|part| part == name);
        let files: &[&str] = match () {
            () if is_of("memory") => &["cgroup.procs", "memory.limit_in_bytes"],
            () if is_of("pids") => &["cgroup.procs", "pids.max"],
            () => &["cgroup.procs", "cpu.cfs_period_us", "cpu.cfs_quota_us"],
        };
        make_with(path, files)
    }

    fn make_with(path: &Path, files: &[&str]) -> io::Result<()> {
        fs::create_dir(path)?;
        files.iter().try_for_each(|file| fs::write(path.join(file), ""))
    }

    fn place(mounts: &str, groups: &str, make_folder: fn(&Path) -> io::Result<()>) -> Place {
        Place {
            mounts: MountInfos::from_buf_read(mounts.as_bytes()).unwrap().0,
            groups: ProcessCGroups::from_buf_read(groups.as_bytes()).unwrap().0,
            make_folder,
        }
    }

    /// A tree of version 2: slice/scope, with the controllers that are passed on from each.
    fn tree(of_slice: &str, of_scope: &str, processes: &str) -> (tempfile::TempDir, PathBuf, Place) {
        let top = tempfile::tempdir().unwrap();
        let (slice, scope) = (top.path().join("slice"), top.path().join("slice/scope"));
        for folder in [&slice, &scope] {
            make_with(folder, FILES_OF_TWO).unwrap();
        }
        fs::write(slice.join("cgroup.controllers"), "cpu memory pids").unwrap();
        fs::write(slice.join("cgroup.subtree_control"), of_slice).unwrap();
        fs::write(scope.join("cgroup.controllers"), of_slice).unwrap();
        fs::write(scope.join("cgroup.subtree_control"), of_scope).unwrap();
        fs::write(scope.join("cgroup.procs"), processes).unwrap();
        // The root of what is mounted is /user, as in a container.
        let mounts = format!("30 20 0:26 /user {} rw - cgroup2 cgroup2 rw\n", top.path().display());
        let place = place(&mounts, "0::/user/slice/scope\n", |path| make_with(path, FILES_OF_TWO));
        (top, scope, place)
    }

    fn text(path: PathBuf) -> String {
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    #[test]
    fn a_group_lies_where_controllers_are_passed_on() {
        let (top, _, place) = tree("cpu memory pids", "", "1\n2\n");
        let group = place.make("wasmrun-1-2", &ALL).unwrap();
        let folder = top.path().join("slice/wasmrun-1-2");
        assert_eq!(text(folder.join("memory.max")), "67108864");
        assert_eq!(text(folder.join("memory.swap.max")), "0");
        assert_eq!(text(folder.join("cpu.max")), "150000 100000");
        assert_eq!(text(folder.join("pids.max")), "40");
        group.add(7).unwrap();
        assert_eq!(text(folder.join("cgroup.procs")), "7");
        assert_eq!(group.killed_for_memory(), 0);
        fs::write(
            folder.join("memory.events"),
            "low 0\nhigh 0\nmax 9\noom 1\noom_kill 2\n",
        )
        .unwrap();
        assert_eq!(group.killed_for_memory(), 2);
    }

    #[test]
    fn who_is_alone_in_a_group_makes_room_in_it() {
        let own = std::process::id().to_string();
        let (_top, scope, place) = tree("cpu memory pids", "", &format!("{own}\n"));
        // What is around belongs to others.
        let slice = scope.parent().unwrap();
        fs::write(slice.join("cgroup.subtree_control"), "").unwrap();
        place.make("wasmrun-1-2", &ALL).unwrap();
        assert_eq!(text(scope.join(OWN).join("cgroup.procs")), own);
        assert_eq!(text(scope.join("cgroup.subtree_control")), "+memory +cpu +pids");
        assert_eq!(text(scope.join("wasmrun-1-2/pids.max")), "40");
    }

    #[test]
    fn a_controller_that_nobody_passes_on_is_named() {
        let (_top, _, place) = tree("memory pids", "", "1\n2\n");
        // Not one of version 2 here, and there is no version 1.
        let error = place.make("wasmrun-1-2", &ALL).unwrap_err();
        assert!(matches!(error, CgroupError::NotDelegated(Controller::Cpu)), "{error}");
        let without = Limits { cpus: None, ..ALL };
        place.make("wasmrun-1-2", &without).unwrap();
    }

    #[test]
    fn version_1_has_a_group_for_each_controller() {
        let top = tempfile::tempdir().unwrap();
        let (mut mounts, mut groups) = (String::new(), "0::/\n".to_owned());
        for (number, name) in ["memory", "cpu,cpuacct", "pids"].into_iter().enumerate() {
            let mount = top.path().join(name);
            make_of_one(&mount).unwrap();
            make_of_one(&mount.join("own")).unwrap();
            mounts += &format!(
                "3{number} 20 0:3{number} / {} rw - cgroup cgroup rw,{name}\n",
                mount.display()
            );
            groups += &format!("{}:{name}:/own\n", number + 1);
        }
        let place = place(&mounts, &groups, make_of_one);
        let group = place.make("wasmrun-1-2", &ALL).unwrap();
        let file = |of: &str, file: &str| text(top.path().join(of).join("own/wasmrun-1-2").join(file));
        assert_eq!(file("memory", "memory.limit_in_bytes"), "67108864");
        assert_eq!(file("cpu,cpuacct", "cpu.cfs_period_us"), "100000");
        assert_eq!(file("cpu,cpuacct", "cpu.cfs_quota_us"), "150000");
        assert_eq!(file("pids", "pids.max"), "40");
        group.add(7).unwrap();
        assert_eq!(file("pids", "cgroup.procs"), "7");
    }

    #[test]
    fn groups_of_supervisors_that_are_gone_go() {
        let top = tempfile::tempdir().unwrap();
        let own = format!("wasmrun-{}-7", std::process::id());
        // No process has this id (proc_sys_kernel(5), `pid_max`).
        let names = ["wasmrun-4194305-7", &own, "wasmrun-x-7", OWN, "docker-1"];
        names
            .iter()
            .for_each(|name| fs::create_dir(top.path().join(name)).unwrap());
        sweep(top.path());
        let left: BTreeSet<_> = fs::read_dir(top.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, names[1..].iter().map(std::ffi::OsString::from).collect());
    }
}
