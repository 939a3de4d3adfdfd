//! JSON as text, for the server and its program.

use serde_json::Value;

/// On one line. What Display has for it is code of its own, which counts in WebAssembly.
pub(crate) fn text(value: &Value) -> String {
    serde_json::to_string(value).expect("the keys of a Value are texts")
}
