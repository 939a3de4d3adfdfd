//! How many tests ran: read out of what cargo and node print at the end.

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Sums `test result: ok. 4 passed; 0 failed; 1 ignored; ...` over cargo's test binaries.
pub(crate) fn of_cargo_test(text: &str) -> Counts {
    let mut sum = Counts::default();
    for line in text.lines().filter(|line| line.starts_with("test result:")) {
        let words: Vec<&str> = line.split([' ', ';']).filter(|word| !word.is_empty()).collect();
        let before = |name: &str| {
            let at = words.iter().position(|word| *word == name);
            at.and_then(|at| words.get(at.checked_sub(1)?)?.parse().ok()).unwrap_or(0)
        };
        sum.add(Counts { passed: before("passed"), failed: before("failed"), skipped: before("ignored") });
    }
    sum
}

/// Reads the summary of node's spec reporter: `ℹ pass 4`, `ℹ fail 0`, `ℹ cancelled 0`, `ℹ skipped 0`.
pub(crate) fn of_node_test(text: &str) -> Counts {
    let number = |name: &str| -> u64 {
        let values =
            text.lines().rev().filter_map(|line| line.strip_prefix("ℹ ")?.strip_prefix(name)?.strip_prefix(' '));
        values.filter_map(|value| value.trim().parse().ok()).next().unwrap_or(0)
    };
    Counts { passed: number("pass"), failed: number("fail") + number("cancelled"), skipped: number("skipped") }
}

/// Reads the summary of interop/run.mjs: `interop: 16 passed, 4 failed, 8 not yet offered by the server, 6 not offered ...`.
pub(crate) fn of_interop(text: &str) -> Counts {
    let summary = text.lines().rev().find_map(|line| line.strip_prefix("interop: ")).unwrap_or_default();
    let numbers: Vec<u64> = summary.split(", ").filter_map(|part| part.split(' ').next()?.parse().ok()).collect();
    match numbers[..] {
        [passed, failed, not_yet, not_offered] => Counts { passed, failed, skipped: not_yet + not_offered },
        _ => Counts::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_results_are_summed() {
        let text = "running 4 tests\n....\ntest result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\n\
                    test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(of_cargo_test(text), Counts { passed: 6, failed: 3, skipped: 1 });
    }

    #[test]
    fn interop_results_are_those_of_the_last_line() {
        let text = "interop: error\ninterop: 9 passed, 2 failed, 3 not yet offered by the server, 4 not offered by the client\n";
        assert_eq!(of_interop(text), Counts { passed: 9, failed: 2, skipped: 7 });
        assert_eq!(of_interop("it ended early\n"), Counts::default());
    }

    #[test]
    fn node_results_are_those_of_the_summary() {
        let text = "✔ pass 3 apples (1ms)\nℹ tests 6\nℹ pass 3\nℹ fail 1\nℹ cancelled 1\nℹ skipped 1\nℹ todo 0\n";
        assert_eq!(of_node_test(text), Counts { passed: 3, failed: 2, skipped: 1 });
    }
}
