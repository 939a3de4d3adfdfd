//! What a running server can be asked on its standard input: one JSON object a line. Doing it is `driver`'s.

use std::str::FromStr;

use serde_json::Value;

use crate::overview::MAX_LISTED;

/// A line of standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `{"connections": 20}`: tell of so many connections, the busiest first.
    Connections(usize),
    /// `{"close": 7}`: close the connection of this number.
    Close(u64),
}

impl FromStr for Command {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let wrong = || {
            let line: String = line.chars().take(80).collect();
            format!(
                "standard input: {line:?} is no command: {{\"connections\": 1 to {MAX_LISTED}}} or {{\"close\": id}}"
            )
        };
        let Ok(Value::Object(fields)) = serde_json::from_slice(line.as_bytes()) else { return Err(wrong()) };
        let mut fields = fields.iter();
        let (Some((name, value)), None) = (fields.next(), fields.next()) else { return Err(wrong()) };
        match (name.as_str(), value.as_u64()) {
            ("connections", Some(limit @ 1..)) => {
                Ok(Self::Connections(usize::try_from(limit).unwrap_or(MAX_LISTED).min(MAX_LISTED)))
            }
            ("close", Some(id)) => Ok(Self::Close(id)),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        assert_eq!(r#"{"connections": 20}"#.parse(), Ok(Command::Connections(20)));
        assert_eq!(r#"{"connections":18446744073709551615}"#.parse(), Ok(Command::Connections(MAX_LISTED)));
        assert_eq!(r#"{"close":7}"#.parse(), Ok(Command::Close(7)));
    }

    #[test]
    fn what_is_no_command_is_named_with_what_is() {
        let long = "x".repeat(5000);
        for line in ["close 7", "[]", "{}", r#"{"close":-1}"#, r#"{"close":1,"connections":1}"#, r#"{"stop":1}"#, &long]
        {
            let error = line.parse::<Command>().unwrap_err();
            assert!(error.contains(r#"{"close": id}"#) && error.len() < 250, "{error}");
        }
        assert!(r#"{"connections":0}"#.parse::<Command>().is_err());
    }
}
