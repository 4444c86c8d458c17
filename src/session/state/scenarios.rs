//! Each swap, failure, restart and drain, as a table: one event a line, and what has to follow from it, in order.

use super::event::Rules;
use super::machine::State;
use super::table::{play, play_with, restarted, rules, watched};
use crate::settings::choices::Restart;
use netns::Protocol;

/// The first generation serves, and takes the host's listeners.
const SERVES: &str = "
    begin                  | build
    built a                | start #1 a
    started 1 adopts       | 1->#1
    1 loaded               |
    1 listens 3000         | wake 1; lend 1 to #1; announce 1; ready
";

#[track_caller]
fn after_serving(rules: Rules, table: &str) -> State {
    play(rules, &format!("{SERVES}{table}"))
}

#[test]
fn a_guest_is_built_started_and_serves() {
    let state = play(rules(), SERVES);
    assert_eq!(state.condition().to_string(), "serving");
    assert_eq!(state.serving(), Some(1));
    assert_eq!(state.listening(Protocol::Tcp), [3000]);
}

#[test]
fn a_guest_that_cannot_be_built_or_started_is_the_end() {
    play(rules(), "begin | build\n not-built | exit failed\n begin |");
    play(
        rules(),
        "begin | build\n built a | start #1 a\n not-started 1 | exit failed",
    );
    let refused = "
        begin     | build
        built a   | start #1 a
        started 1 | 1->#1
        refused 1 | drop #1; 1->awaited; exit failed
    ";
    play(rules(), refused);
    play(watched(), refused);
}

#[test]
fn the_end_of_a_guest_is_the_end() {
    after_serving(rules(), "ended 1 well | close; exit with #1");
    after_serving(rules(), "ended 1 trapped | close; exit with #1");
    assert_eq!(
        after_serving(rules(), "ended 1 trapped | close; exit with #1").counts(),
        (1, 1, 0)
    );
}

#[test]
fn a_reload_waits_for_the_listeners() {
    let state = after_serving(
        watched(),
        "
        changed            | build
        built b            | start #2 b
        started 2 adopts   |
        2 loaded           |
        2 listens 3000     | release #1
        1 released         | 1->#2; reclaim 1; retire #1; drain #1; wake 1; lend 1 to #2; say reloaded #2; refresh 2
        drained 1          | say #1 drained, cut 0
        drained 1          |
        ended 1 well       |
        ",
    );
    assert_eq!(state.counts(), (2, 0, 1));
}

#[test]
fn a_reload_through_the_relay_swaps_at_once() {
    play(
        watched(),
        "
        begin              | build
        built a            | start #1 a
        started 1          | 1->#1
        1 loaded           |
        1 listens 3000     | wake 1; announce 1; ready
        changed            | build
        built b            | start #2 b
        started 2          |
        2 listens 3000     |
        2 loaded           | 1->#2; retire #1; drain #1; wake 1; say reloaded #2; refresh 2
        drained 1 3        | say #1 drained, cut 3
        ",
    );
}

#[test]
fn a_guest_that_does_not_give_listeners_back_is_not_waited_for() {
    let reload = "
        changed            | build
        built b            | start #2 b
        started 2 adopts   |
        2 loaded           |
        2 listens 3000     | release #1
    ";
    let swap = "1->#2; reclaim 1; retire #1; drain #1; wake 1; lend 1 to #2; say reloaded #2; refresh 2";
    after_serving(
        watched(),
        &format!("{reload} +499 due |\n +1 due | {swap}\n 1 released |"),
    );
    after_serving(watched(), &format!("{reload} 1 deaf | {swap}"));
}

#[test]
fn a_candidate_that_fails_leaves_the_serving_one() {
    let reload = "
        changed            | build
        built b            | start #2 b
        started 2          |
    ";
    after_serving(
        watched(),
        &format!("{reload} ended 2 badly | drop #2; say #2 did not take over: ended; say #1 serves on"),
    );
    after_serving(
        watched(),
        &format!("{reload} refused 2 | drop #2; say #2 did not take over: refused; say #1 serves on"),
    );
    after_serving(
        watched(),
        &format!("{reload} +10000 due | drop #2; say #2 did not take over: not listening; say #1 serves on"),
    );
    after_serving(
        watched(),
        "changed | build\n built b | start #2 b\n not-started 2 | say failure; say #1 serves on",
    );
    after_serving(watched(), "changed | build\n not-built | say failure; say #1 serves on");
}

#[test]
fn a_candidate_is_asked_whether_it_is_well() {
    let rules = Rules {
        health: Some((3000, "/".to_owned())),
        ..watched()
    };
    let reload = "
        changed            | build
        built b            | start #2 b
        started 2          |
        2 loaded           |
        2 listens 3000     | probe #2
        2 listens 4000     |
    ";
    let failed = "drop #2; say #2 did not take over:";
    after_serving(rules.clone(), &format!("{reload} healthy 1 |\n healthy 2 | release #1"));
    after_serving(
        rules.clone(),
        &format!("{reload} unwell 2 | {failed} unwell; say #1 serves on"),
    );
    after_serving(
        rules,
        &format!("{reload} +10000 due |\n +500 due | {failed} overdue; say #1 serves on"),
    );
}

#[test]
fn a_change_drops_the_candidate_before_it() {
    after_serving(
        watched(),
        "
        changed            | build
        changed            | build
        built b            | start #2 b
        started 2 adopts   |
        2 loaded           |
        2 listens 3000     | release #1
        changed            | drop #2; build
        1 released         | 1->#1; reclaim 1; wake 1; lend 1 to #1
        built c            | start #3 c
        started 3 adopts   |
        2 listens 3000     |
        3 listens 3000     |
        3 loaded           | release #1
        1 released         | 1->#3; reclaim 1; retire #1; drain #1; wake 1; lend 1 to #3; say reloaded #3; refresh 3
        ",
    );
}

#[test]
fn a_build_drops_the_candidate_of_a_restart() {
    after_serving(
        watched(),
        "
        changed            | build
        restart            | start #2 a again
        started 2          |
        built b            | start #3 b
        started 3          | drop #2
        ",
    );
}

#[test]
fn who_was_asked_for_listeners_is_not_asked_again() {
    after_serving(
        watched(),
        "
        changed            | build
        built b            | start #2 b
        started 2          |
        2 loaded           |
        2 listens 3000     | release #1
        changed            | drop #2; build
        built c            | start #3 c
        started 3          |
        3 listens 3000     |
        3 loaded           |
        1 released         | 1->#3; reclaim 1; retire #1; drain #1; wake 1; say reloaded #3; refresh 3
        ",
    );
}

#[test]
fn what_is_unchanged_is_not_started() {
    after_serving(watched(), "changed | build\n built a | say #1 unchanged");
    after_serving(watched(), "changed | build\n built a unfit | start #2 a");
    // The interpreter is the same, and what it runs is not.
    after_serving(watched(), "changed | build\n built a* | start #2 a*");
}

#[test]
fn a_file_in_pieces_is_told_of_when_it_is_left_alone() {
    let rules = Rules {
        builds: false,
        ..watched()
    };
    after_serving(
        rules,
        "
        changed     | build
        not-built   |
        +999 due    |
        +1 due      | say failure; say #1 serves on
        changed     | build
        not-built   |
        changed     | build
        +1000 due   |
        built b     | start #2 b
        ",
    );
}

#[test]
fn with_watch_a_guest_that_ends_waits_for_a_change() {
    after_serving(
        watched(),
        "
        ended 1 badly      | drop #1; 1->awaited; reclaim 1; say #1 ended: Change; 1->nobody
        changed            | 1->awaited; build
        not-built          | say failure; say nobody serves; 1->nobody
        changed            | 1->awaited; build
        built b            | start #2 b
        started 2 adopts   | 1->#2
        2 loaded           |
        2 listens 3000     | wake 1; lend 1 to #2
        ",
    );
}

#[test]
fn a_guest_that_ends_during_a_build_is_followed_by_it() {
    after_serving(
        watched(),
        "
        changed            | build
        ended 1 badly      | drop #1; 1->awaited; reclaim 1; say #1 ended: Made
        built b            | start #2 b
        started 2          | 1->#2
        ",
    );
}

#[test]
fn a_candidate_takes_over_from_one_that_has_ended() {
    after_serving(
        watched(),
        "
        changed            | build
        built b            | start #2 b
        started 2 adopts   |
        2 listens 3000     |
        ended 1 badly      | drop #1; say #1 ended: TakesOver(2); 1->#2; reclaim 1; wake 1; lend 1 to #2
        ",
    );
}

#[test]
fn a_guest_that_fails_is_started_again_with_growing_pauses() {
    let state = after_serving(
        restarted(Restart::OnFailure),
        "
        ended 1 trapped    | drop #1; 1->awaited; reclaim 1; say #1 ended: Again(100ms)
        +99 due            |
        +1 due             | start #2 a again
        started 2          | 1->#2
        ended 2 trapped    | drop #2; 1->awaited; say #2 ended: Again(200ms)
        +200 due           | start #3 a again
        started 3          | 1->#3
        +10000 due         | say not listening 3000
        ended 3 trapped    | drop #3; 1->awaited; say #3 ended: Again(100ms)
        +100 due           | start #4 a again
        not-started 4      | say failure; say again in 200
        +200 due           | start #5 a again
        started 5          | 1->#5
        ended 5 well       | drop #5; 1->awaited; say #5 ended: Nothing; close; exit 0
        ",
    );
    assert_eq!(state.counts(), (5, 3, 0));
}

#[test]
fn a_guest_is_started_again_whatever_its_code() {
    after_serving(
        restarted(Restart::Always),
        "ended 1 well | drop #1; 1->awaited; reclaim 1; say #1 ended: Again(100ms)\n +100 due | start #2 a again",
    );
    // One that never came up fails the same way again, until it is changed.
    let rules = Rules {
        restart: Restart::Always,
        ..watched()
    };
    play(
        rules,
        "
        begin              | build
        built a            | start #1 a
        started 1          | 1->#1
        ended 1 badly      | drop #1; 1->awaited; say #1 ended: Change; 1->nobody
        ",
    );
}

#[test]
fn a_restart_is_a_swap() {
    after_serving(
        rules(),
        "
        restart            | start #2 a again
        started 2 adopts   |
        2 loaded           |
        restart            | drop #2; start #3 a again
        started 3 adopts   |
        3 loaded           |
        3 listens 3000     | release #1
        1 released         | 1->#3; reclaim 1; retire #1; drain #1; wake 1; lend 1 to #3; say reloaded #3; refresh 3
        ",
    );
    play(rules(), "restart |\n begin | build\n restart |");
}

#[test]
fn what_is_no_longer_what_it_was_made_of_is_made_anew() {
    after_serving(
        rules(),
        "
        restart            | start #2 a again
        stale 2            | build
        built a            | start #2 a
        ",
    );
}

#[test]
fn better_code_takes_over_and_cuts_nobody_off() {
    let state = play(
        rules(),
        "
        begin              | build
        built a~           | start #1 a~
        started 1          | optimize a~; 1->#1
        1 loaded           | let go a~
        1 listens 3000     | wake 1; announce 1; ready
        restart            |
        optimized a        | start #2 a
        started 2          |
        2 loaded           |
        2 listens 3000     | 1->#2; retire #1; drain #1 patiently; wake 1; say optimized #2
        restart            | start #3 a again
        ",
    );
    assert_eq!(state.counts(), (3, 0, 0));
}

#[test]
fn better_code_that_fails_is_not_tried_again() {
    let first = "
        begin              | build
        built a~           | start #1 a~
        started 1          | optimize a~; 1->#1
        1 loaded           | let go a~
    ";
    play(
        rules(),
        &format!("{first} not-optimized | say not optimized; say #1 serves on"),
    );
    play(
        rules(),
        &format!(
            "{first}
            optimized a        | start #2 a
            started 2          |
            ended 2 badly      | drop #2; say #2 did not take over: ended; say #1 serves on
            not-optimized      |
            "
        ),
    );
}

#[test]
fn better_code_waits_while_another_takes_over() {
    play(
        watched(),
        "
        begin              | build
        built a~           | start #1 a~
        started 1          | optimize a~; 1->#1
        1 loaded           | let go a~
        changed            | cancel optimize; build
        optimized a        |
        not-built          | say failure; say #1 serves on; optimize a~
        optimized a        | start #2 a
        started 2          |
        optimized a        |
        ",
    );
}

#[test]
fn code_is_kept_for_one_that_starts_with_it() {
    let rules = Rules {
        restart: Restart::Always,
        ..rules()
    };
    play(
        rules,
        "
        begin              | build
        built a~           | start #1 a~
        started 1          | optimize a~; 1->#1
        restart            | start #2 a~ again
        1 loaded           |
        started 2          | cancel optimize; optimize a~
        ended 2 badly      | drop #2; say #2 did not take over: ended; say #1 serves on; cancel optimize; optimize a~; let go a~
        ",
    );
}

#[test]
fn forwards_that_are_added_lead_to_who_serves() {
    after_serving(
        rules(),
        "
        asked 2 3000       | 2->#1; wake 1; wake 2; lend 2 to #1; announce 2
        removed 1          | unforward [1]
        asked 3 4000       | 3->#1
        +1000 due          | say not listening 4000
        1 listens 4000     | wake 3; lend 3 to #1; announce 3
        ",
    );
    // Listeners of a module are opened before it runs.
    after_serving(rules(), "1 loaded module |\n asked 2 4000 | 2->#1; start #2 a again");
    after_serving(rules(), "not-lent 1 1 |\n 1 listens 3000 | wake 1; lend 1 to #1");
}

#[test]
fn a_guest_that_listens_elsewhere_is_told_of() {
    play(
        rules(),
        "
        begin              | build
        built a            | start #1 a
        started 1          | 1->#1
        1 loaded           |
        1 listens 4000     |
        +1000 due          | say not listening 3000 but 4000
        nobody-listens 3000 | say waited in vain 3000
        nobody-listens 3000 |
        1 listens 3000     | wake 1; announce 1; ready
        +30000 nobody-listens 3000 | say waited in vain 3000
        ",
    );
    let unforwarded = "
        begin              | build
        built a            | start #1 a
        started 1          |
        1 loaded http      | say no forward; ready
        1 listens 4000     | say not forwarded 4000
        1 listens 4000     |
    ";
    play_with(rules(), &[], unforwarded);
}

#[test]
fn ports_are_forwarded_by_themselves() {
    let rules = Rules {
        auto_forward: true,
        ..watched()
    };
    play_with(
        rules,
        &[],
        "
        begin              | build
        built a            | start #1 a
        started 1          |
        1 loaded           |
        1 listens 4000     | detect 4000
        detected 7 4000    | 7->#1; wake 7; announce 7; ready
        changed            | build
        built b            | start #2 b
        started 2          |
        2 listens 5000     |
        2 loaded           |
        2 listens 4000     | 7->#2; retire #1; drain #1; wake 7; detect 5000; say reloaded #2; refresh 2
        removed 7          | unforward [7]
        ",
    );
}

#[test]
fn a_port_that_is_closed_waits_here() {
    after_serving(
        rules(),
        "
        1 closed 3000      | reclaim 1
        1 closed 3000      |
        1 listens 3000     | wake 1; lend 1 to #1
        ",
    );
}

#[test]
fn an_init_that_does_not_answer_is_ended_where_it_comes_again() {
    after_serving(rules(), "silent 1 | say #1 silent");
    after_serving(
        restarted(Restart::OnFailure),
        "silent 1 | say #1 silent; kill #1\n silent 2 |",
    );
}

#[test]
fn a_stop_lets_connections_end() {
    let stop = "say stopped; unwatch; close; drain #1; terminate";
    after_serving(
        rules(),
        &format!(
            "
            stop           | {stop}
            +200 due       | say stopping
            restart        |
            1 released     |
            drained 1      | exit 143
            drained 1      |
            signal         |
            "
        ),
    );
    after_serving(
        rules(),
        &format!(
            "
            stop           | {stop}
            stop           |
            stop 100       |
            +100 due       | abort
            cut 1          |
            drained 1      | say cut 1; exit 143
            "
        ),
    );
    let over_time = "stop | {stop}\n +6000 due | say stopping; abort\n cut 2 |\n drained 1 1 | say cut 3; exit 143";
    after_serving(rules(), &over_time.replace("{stop}", stop));
    play(
        rules(),
        "begin | build\n stop | say stopped; cancel build; unwatch; close; terminate; exit 143",
    );
}

#[test]
fn a_second_signal_ends_at_once() {
    after_serving(
        watched(),
        "
        changed        | build
        built b        | start #2 b
        signal         | unwatch; close; drain #1; terminate
        started 2      | drop #2
        signal         | abort
        cut 4          | say cut 4; exit 143
        drained 1      |
        ",
    );
}

#[test]
fn deadlines_are_those_of_what_is_waited_for() {
    let state = play(rules(), "begin | build");
    assert_eq!(state.deadline(), None);
    let state = play(rules(), "begin | build\n built a | start #1 a\n started 1 | 1->#1");
    assert!(state.deadline().is_some());
    let state = play(rules(), "begin | build\n not-built | exit failed");
    assert_eq!(state.deadline(), None);
}
