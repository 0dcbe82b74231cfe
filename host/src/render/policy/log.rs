//! What policies logged while they were asked.

use pvmigrate_core::policy::{CallCost, LogLevel, LogLine};

use crate::render::Screen;
use crate::render::table::Table;

/// Returns what the policies logged, whatever claim it was about: they do not say.
pub(super) fn lines(calls: &[CallCost], screen: &Screen) -> String {
    let mut table = Table::new(&["LOG OF", "IN", "LEVEL", "LINE"], &[]);
    for call in calls {
        for line in &call.log {
            table.row(&[call.by.to_string(), call.call.clone(), level(line.level).to_owned(), log_line(line)]);
        }
    }
    if table.is_empty() { String::new() } else { format!("\n{}", table.text(screen.width)) }
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
    }
}

fn log_line(line: &LogLine) -> String {
    let fields: String = line.fields.iter().map(|(key, value)| format!(" {key}={value}")).collect();
    format!("{}{fields}", line.message)
}
