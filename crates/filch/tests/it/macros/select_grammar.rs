//! What `select!` accepts.

use super::probe::finish;
use std::convert::Infallible;
use std::future::{pending, ready};

#[test]
fn handlers_are_blocks_or_expressions() {
    finish(async {
        let never = pending::<()>;
        let n = filch::select! { n = ready(1) => n };
        assert_eq!(n, 1);
        let n = filch::select! { n = ready(2) => n, };
        assert_eq!(n, 2);
        let n = filch::select! { n = ready(3) => { n } _ = never() => { 0 } };
        assert_eq!(n, 3);
        let n = filch::select! { n = ready(4) => { n }, _ = never() => { 0 }, };
        assert_eq!(n, 4);
        let n = filch::select! { n = ready(5) => { n } _ = never() => 0, };
        assert_eq!(n, 5);
        let n = filch::select! { _ = never() => 0, n = ready(6) => { n } };
        assert_eq!(n, 6);
    });
}

#[test]
fn a_handler_may_contain_commas() {
    finish(async {
        let add = filch::select! {
            _ = ready(()) => |left: u32, right: u32| left + right,
            _ = pending::<()>() => |_, _| 0,
        };
        assert_eq!(add(1, 2), 3);
        let map = filch::select! {
            _ = ready(()) => std::collections::HashMap::<u8, u8>::new(),
            _ = pending::<()>() => unreachable!(),
        };
        assert!(map.is_empty());
    });
}

#[test]
fn a_handler_may_be_any_expression() {
    finish(async {
        let text = filch::select! {
            n = ready(3) => match n { 3 => "three", _ => "other" },
            _ = pending::<()>() => if true { "yes" } else { "no" },
            text = pending::<Option<&str>>() => text.map_or("none", |_| "some"),
            never = pending::<Infallible>() => match never {},
        };
        assert_eq!(text, "three");
    });
}

#[test]
fn a_block_may_be_followed_by_a_pattern_that_looks_like_an_operand() {
    finish(async {
        let never = pending::<()>;
        let n = filch::select! {
            _ = never() => { 0 }
            (a, b) = ready((1, 2)) => { a + b }
        };
        assert_eq!(n, 3);
        let n = filch::select! {
            _ = never() => { 0 }
            [a, .., b] = ready([1, 2, 3]) => { a + b }
        };
        assert_eq!(n, 4);
        let n = filch::select! {
            _ = never() => { 0 }
            &n = ready(&5) => { n }
        };
        assert_eq!(n, 5);
        let n = filch::select! {
            _ = never() => { 0 }
            -1 = ready(-1) => { 6 }
        };
        assert_eq!(n, 6);
        let n = filch::select! {
            Some(n) = async { match 7 { 0 => None, n => Some(n) } } => { n }
            _ = never(), if false => { 0 }
            else => 0,
        };
        assert_eq!(n, 7);
    });
}

#[test]
fn every_kind_of_pattern_is_accepted() {
    #[derive(Debug)]
    struct Point {
        x: i32,
        y: String,
    }
    const LIMIT: u32 = 4;

    finish(async {
        filch::select! { 1 | 2 = ready(2) => {}, else => panic!("or") }
        filch::select! { Some(1) | None = ready(None::<u8>) => {}, else => panic!("or with braces") }
        filch::select! { 0..=9 = ready(9) => {}, else => panic!("range") }
        filch::select! { LIMIT = ready(4) => {}, else => panic!("constant") }
        filch::select! { "text" = ready("text") => {}, else => panic!("string") }
        filch::select! { n @ 3.. = ready(4) => assert_eq!(n, 4), else => panic!("binding") }
        filch::select! { Some(&n) = ready(Some(&4)) => assert_eq!(n, 4), else => panic!("reference") }
        filch::select! { mut n = ready(4) => { n += 1; assert_eq!(n, 5) } }
        filch::select! { Some(ref mut text) = ready(Some(String::new())) => text.push('a'), else => panic!("ref mut") }
        filch::select! { Some(ref text) = ready(Some(String::new())) => assert_eq!(text, ""), else => panic!("ref") }
        filch::select! {
            Point { x: 1, y } = ready(Point { x: 1, y: "moved".to_owned() }) => drop(y),
            else => panic!("struct"),
        }
        filch::select! { [first, .., last] = ready([1, 2, 3]) => assert_eq!(first + last, 4) }
        filch::select! { Ok::<u8, ()>(n) = ready(Ok(1)) => assert_eq!(n, 1), else => panic!("turbofish") }
        let point = filch::select! { whole @ Point { x: 1, .. } = ready(Point { x: 1, y: String::new() }) => whole, else => panic!("whole") };
        assert_eq!(point.x, 1);
        assert_eq!(point.y, "");
    });
}

#[test]
fn else_stands_last_or_alone() {
    finish(async {
        assert_eq!(filch::select! { else => 1 }, 1);
        assert_eq!(filch::select! { biased; else => 2, }, 2);
        assert_eq!(filch::select! { 0 = ready(1) => 0, else => 3 }, 3);
        assert_eq!(filch::select! { biased; 0 = ready(1) => { 0 } else => 4, }, 4);
        assert_eq!(filch::select! { _ = ready(1), if false => 0, else => async { 5 }.await }, 5);
    });
}

#[test]
fn a_condition_is_any_boolean_expression() {
    finish(async {
        let (open, limit) = (true, 3);
        let n = filch::select! {
            _ = ready(1), if !open || limit > 5 => 1,
            _ = ready(2), if matches!(limit, 4 | 5) => 2,
            _ = ready(3), if { let half = limit / 2; half == 1 } => 3,
        };
        assert_eq!(n, 3);
    });
}

#[test]
fn a_future_is_any_expression_that_can_be_awaited() {
    struct Later(u32);

    impl IntoFuture for Later {
        type Output = u32;
        type IntoFuture = std::future::Ready<u32>;

        fn into_future(self) -> Self::IntoFuture {
            ready(self.0)
        }
    }

    finish(async {
        assert_eq!(filch::select! { n = Later(1) => n }, 1);
        assert_eq!(filch::select! { n = &mut ready(2) => n }, 2);
        assert_eq!(filch::select! { n = Box::pin(async { 3 }) => n }, 3);
        assert_eq!(filch::select! { n = { let n = 4; async move { n } } => n }, 4);
        assert_eq!(filch::select! { n = if true { ready(5) } else { ready(0) } => n }, 5);
    });
}

#[test]
fn control_flow_in_a_handler_belongs_to_the_function_around() {
    async fn returns() -> u32 {
        filch::select! {
            _ = ready(()) => return 1,
            _ = pending::<()>() => {}
        }
        2
    }

    async fn question_mark(text: &str) -> Result<u32, std::num::ParseIntError> {
        let n = filch::select! {
            text = ready(text) => text.parse::<u32>()?,
            text = pending::<&str>() => { text.parse::<u32>()? }
        };
        Ok(n)
    }

    finish(async {
        assert_eq!(returns().await, 1);
        assert_eq!(question_mark("3").await, Ok(3));
        assert!(question_mark("three").await.is_err());

        let mut turns = 0;
        let value = 'outer: loop {
            for turn in 0..3 {
                turns += 1;
                filch::select! {
                    _ = ready(()), if turn < 2 => continue,
                    n = async { ready(7).await }, if turns > 3 => break 'outer n,
                    else => break,
                }
            }
        };
        assert_eq!(value, 7);
        assert!((4..=6).contains(&turns), "{turns}");
    });
}

#[test]
fn names_in_the_macro_do_not_meet_names_in_the_program() {
    finish(async {
        let (b0, b1, cx, output, selected, disabled, next, n_branches, is_match) =
            (1, 2, 3, 4, 5, 6, 7, 8, 9);
        let sum = filch::select! {
            branch = async { b0 + b1 + cx }, if disabled == 6 => {
                branch + output + selected + next + n_branches + is_match
            }
            b0 = pending() => b0,
        };
        assert_eq!(sum, 39);
    });
}

#[test]
fn all_handlers_have_the_type_that_is_asked_for() {
    finish(async {
        let boxed: Box<dyn Fn() -> u64> = filch::select! {
            n = ready(1) => Box::new(move || n),
            _ = pending::<()>() => Box::new(|| 2),
        };
        assert_eq!(boxed(), 1);
        let n: u8 = filch::select! { n = ready("4") => n.parse().expect("a number"), else => 0 };
        assert_eq!(n, 4);
    });
}

#[test]
fn sixty_four_branches_fit() {
    #[rustfmt::skip]
    async fn pick(wanted: usize) -> usize {
        macro_rules! turn {
            ($n:expr) => { async move { if $n == wanted { $n } else { pending().await } } };
        }
        filch::select! {
            n = turn!(0) => n, n = turn!(1) => n, n = turn!(2) => n, n = turn!(3) => n,
            n = turn!(4) => n, n = turn!(5) => n, n = turn!(6) => n, n = turn!(7) => n,
            n = turn!(8) => n, n = turn!(9) => n, n = turn!(10) => n, n = turn!(11) => n,
            n = turn!(12) => n, n = turn!(13) => n, n = turn!(14) => n, n = turn!(15) => n,
            n = turn!(16) => n, n = turn!(17) => n, n = turn!(18) => n, n = turn!(19) => n,
            n = turn!(20) => n, n = turn!(21) => n, n = turn!(22) => n, n = turn!(23) => n,
            n = turn!(24) => n, n = turn!(25) => n, n = turn!(26) => n, n = turn!(27) => n,
            n = turn!(28) => n, n = turn!(29) => n, n = turn!(30) => n, n = turn!(31) => n,
            n = turn!(32) => n, n = turn!(33) => n, n = turn!(34) => n, n = turn!(35) => n,
            n = turn!(36) => n, n = turn!(37) => n, n = turn!(38) => n, n = turn!(39) => n,
            n = turn!(40) => n, n = turn!(41) => n, n = turn!(42) => n, n = turn!(43) => n,
            n = turn!(44) => n, n = turn!(45) => n, n = turn!(46) => n, n = turn!(47) => n,
            n = turn!(48) => n, n = turn!(49) => n, n = turn!(50) => n, n = turn!(51) => n,
            n = turn!(52) => n, n = turn!(53) => n, n = turn!(54) => n, n = turn!(55) => n,
            n = turn!(56) => n, n = turn!(57) => n, n = turn!(58) => n, n = turn!(59) => n,
            n = turn!(60) => n, n = turn!(61) => n, n = turn!(62) => n, n = turn!(63) => n,
            else => usize::MAX,
        }
    }
    for wanted in 0..64 {
        assert_eq!(finish(pick(wanted)), wanted);
    }
}

#[filch::test]
async fn it_works_inside_the_attribute_macros() -> Result<(), std::num::ParseIntError> {
    let n = filch::select! {
        n = ready("8") => n.parse::<u32>()?,
        else => 0,
    };
    assert_eq!(n, 8);
    Ok(())
}
