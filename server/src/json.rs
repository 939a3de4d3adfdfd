//! JSON as text, for the server and its program.

use std::io::Write;

use serde_json::Value;

/// On one line. To what quinn-proto writes qlog to: what serde_json has for another writer is code of its own, as Display is,
/// which counts in WebAssembly.
pub(crate) fn text(value: &Value) -> String {
    let mut text = Vec::new();
    let writer: &mut (dyn Write + Send + Sync) = &mut text;
    serde_json::to_writer(writer, value).expect("the keys of a Value are texts");
    String::from_utf8(text).expect("JSON is UTF-8")
}
