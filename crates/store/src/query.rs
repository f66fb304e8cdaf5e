//! Read-only SQL over the record, with caps on time, memory and rows.
//!
//! A query may read the tables of [`crate::index`] and nothing else: it cannot write, attach files, load code or change settings, and it is stopped when
//! it takes too long or too much.

use crate::campaign::Campaign;
use crate::error::Error;
use crate::index::{Indexed, alone};
use crate::merge::KINDS;
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use std::time::{Duration, Instant};

/// What a query may take. The time that building the index takes is not counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Seconds.
    pub seconds: f64,
    /// Bytes of memory: SQLite's and the answer's, each.
    pub bytes: u64,
    /// Rows of the answer: further ones are cut off, which is no error.
    pub rows: usize,
}

impl Default for Limits {
    /// 10 seconds, 512 MB, 10,000 rows.
    fn default() -> Limits {
        Limits { seconds: 10.0, bytes: 512 << 20, rows: 10_000 }
    }
}

/// A value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// An integer.
    Integer(i64),
    /// A number. An infinity can come of arithmetic; NaN is `Null` in SQL.
    Number(f64),
    /// Text. Bytes are given as SQL writes them, `x'…'`.
    Text(String),
}

/// What came of a query.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// Names of the columns, as SQL gives them; they may repeat.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// Whether there were more rows than [`Limits::rows`].
    pub cut: bool,
}

impl Campaign {
    /// Answers a SELECT over the tables `runs`, `curves` and `decisions`, by SQLite's rules. The index is built first if the record has changed since, and
    /// only for tables that the text mentions. Columns whose names hold a dot are written in double quotes, as in `"optim.lr"`.
    ///
    /// # Errors
    /// [`Error::Sql`] for anything but one SELECT that SQLite understands; [`Error::Cap`] if it took more time or memory than `limits` allow; those of
    /// [`Campaign::scan`]; [`Error::Full`], [`Error::Unwritable`] or [`Error::Io`] if no index can be written anywhere.
    pub fn query(&self, sql: &str, limits: &Limits) -> Result<Answer, Error> {
        let _alone = alone();
        let lower = sql.to_lowercase();
        let kinds: Vec<&str> = KINDS.into_iter().filter(|k| lower.contains(k)).collect();
        let ask = |anew| {
            let indexed = kinds.iter().map(|kind| Ok((*kind, self.indexed(kind, anew)?))).collect::<Result<Vec<_>, Error>>()?;
            Ok::<_, Error>(ask(&indexed, sql, limits))
        };
        // A file that turns out to be damaged is only a copy: it is made anew, once.
        match ask(false)? {
            Err(Refusal::Damaged(_)) => match ask(true)? {
                Err(Refusal::Damaged(e)) => Err(Error::Io { doing: "read the index of", path: self.folder().to_path_buf(), source: std::io::Error::other(e) }),
                Err(Refusal::Said(e)) => Err(e),
                Ok(answer) => Ok(answer),
            },
            Err(Refusal::Said(e)) => Err(e),
            Ok(answer) => Ok(answer),
        }
    }
}

/// Why there is no answer.
enum Refusal {
    Damaged(String),
    Said(Error),
}

/// The tables that can be asked, with their columns.
type Known = Vec<(&'static str, Vec<String>)>;

fn ask(indexed: &[(&str, Indexed)], sql: &str, limits: &Limits) -> Result<Answer, Refusal> {
    let mut known = Known::new();
    let prepared = prepare(indexed, &mut known, limits);
    let mut conn = prepared.map_err(|e| explain(e, sql, limits, &known))?;
    let _heap = Heap::allow(limits.bytes);
    run(&mut conn, sql, limits).map_err(|e| match e {
        Stop::Sqlite(e) => explain(e, sql, limits, &known),
        Stop::Answer => Refusal::Said(memory(limits)),
    })
}

/// A connection that can do nothing but answer questions about the indexed tables.
fn prepare(indexed: &[(&str, Indexed)], known: &mut Known, limits: &Limits) -> rusqlite::Result<Connection> {
    let mut conn = Connection::open_in_memory_with_flags(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    for (kind, index) in indexed {
        conn.execute(&format!("ATTACH ?1 AS {kind}"), [uri(&index.path)])?;
        let mut columns = conn.prepare("SELECT name FROM pragma_table_info(?1, ?1)")?;
        let names = columns.query_map([kind], |row| row.get(0))?.collect::<Result<_, _>>()?;
        known.extend(KINDS.into_iter().filter(|k| k == kind).map(|k| (k, Vec::new())));
        known.last_mut().into_iter().for_each(|k| k.1.clone_from(&names));
    }
    // What is sorted stays in memory, which is capped, and touches no disk.
    conn.execute_batch("PRAGMA temp_store=MEMORY; PRAGMA query_only=ON;")?;
    // Without this, a column's name in double quotes that is misspelt would be a text.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, i32::try_from(limits.bytes).unwrap_or(i32::MAX).clamp(1 << 16, 1_000_000_000))?;
    conn.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;
    conn.authorizer(Some(|context: AuthContext| match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if !["load_extension", "fts3_tokenizer"].contains(&function_name.to_lowercase().as_str()) => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }))?;
    Ok(conn)
}

/// A file's address for SQLite, read-only and known not to change: indices are replaced, never written.
fn uri(path: &std::path::Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let text = absolute.to_string_lossy().replace('\\', "/").replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{}{text}?mode=ro&immutable=1", if text.starts_with('/') { "" } else { "/" })
}

enum Stop {
    Sqlite(rusqlite::Error),
    Answer,
}

impl From<rusqlite::Error> for Stop {
    fn from(e: rusqlite::Error) -> Stop {
        Stop::Sqlite(e)
    }
}

#[allow(clippy::disallowed_methods, reason = "the cap on a query's time; it changes no result, only whether there is one")]
fn run(conn: &mut Connection, sql: &str, limits: &Limits) -> Result<Answer, Stop> {
    let begun = Instant::now();
    let allowed = Duration::try_from_secs_f64(limits.seconds).unwrap_or(Duration::MAX);
    conn.progress_handler(4096, Some(move || begun.elapsed() > allowed))?;
    let mut statement = conn.prepare(sql)?;
    let mut answer = Answer { columns: statement.column_names().map(str::to_string).collect(), ..Default::default() };
    let width = answer.columns.len();
    let mut left = limits.bytes;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if answer.rows.len() == limits.rows {
            answer.cut = true;
            break;
        }
        let mut cells = Vec::with_capacity(width);
        for i in 0..width {
            let cell = match row.get_ref(i)? {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(x) => Cell::Integer(x),
                ValueRef::Real(x) => Cell::Number(x),
                ValueRef::Text(t) => Cell::Text(String::from_utf8_lossy(t).into_owned()),
                ValueRef::Blob(b) => Cell::Text(format!("x'{}'", b.iter().map(|b| format!("{b:02x}")).collect::<String>())),
            };
            let length = if let Cell::Text(t) = &cell { t.len() } else { 0 };
            left = left.checked_sub((size_of::<Cell>() + length) as u64).ok_or(Stop::Answer)?;
            cells.push(cell);
        }
        answer.rows.push(cells);
    }
    Ok(answer)
}

/// Lets SQLite allocate so many bytes more, until dropped. The limit holds for the process: see [`alone`].
struct Heap;

impl Heap {
    fn allow(bytes: u64) -> Heap {
        // SAFETY: both functions take and give numbers, and may be called at any time from any thread.
        unsafe {
            let used = ffi::sqlite3_memory_used();
            ffi::sqlite3_hard_heap_limit64(used.saturating_add(i64::try_from(bytes).unwrap_or(i64::MAX)));
        }
        Heap
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        // SAFETY: as above; 0 is no limit.
        unsafe { ffi::sqlite3_hard_heap_limit64(0) };
    }
}

fn memory(limits: &Limits) -> Error {
    Error::Cap {
        what: format!("the query takes more than {} MB of memory", limits.bytes >> 20),
        advice: "ask for fewer rows or columns, or raise the limit on memory",
    }
}

/// What is wrong, where, and one thing to do.
fn explain(e: rusqlite::Error, sql: &str, limits: &Limits, known: &Known) -> Refusal {
    use rusqlite::Error as E;
    let said = |what: String, advice: String| Refusal::Said(Error::Sql { what, advice });
    let only = "ask with one SELECT; the record cannot be changed by a query";
    match (e.sqlite_error_code(), &e) {
        (Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::CannotOpen | ErrorCode::SystemIoFailure), _) => Refusal::Damaged(e.to_string()),
        (Some(ErrorCode::OperationInterrupted), _) => Refusal::Said(Error::Cap {
            what: format!("the query took longer than {} s", limits.seconds),
            advice: "ask for less (a condition on run_id uses the index), or raise the limit on time",
        }),
        (Some(ErrorCode::OutOfMemory | ErrorCode::TooBig), _) => Refusal::Said(memory(limits)),
        (Some(ErrorCode::AuthorizationForStatementDenied), _) => said("a query may only read the tables".into(), only.into()),
        (_, E::MultipleStatement) => said("there is more than one statement".into(), only.into()),
        (_, E::Empty) => said("there is no statement".into(), "write SELECT …, such as SELECT run_id, t_grok FROM runs".into()),
        (_, E::SqlInputError { msg, offset, .. }) => {
            let at = usize::try_from(*offset).ok().and_then(|i| sql.get(i..)).map(|rest| rest.chars().take(30).collect::<String>());
            let at = at.filter(|a| !a.trim().is_empty()).map_or(String::new(), |a| format!(", at `{a}`"));
            said(format!("the query is not understood: {msg}{at}"), advice(msg, known))
        }
        (_, E::SqliteFailure(_, Some(msg))) => said(format!("the query failed: {msg}"), advice(msg, known)),
        _ => said(format!("the query failed: {e}"), only.into()),
    }
}

fn advice(msg: &str, known: &Known) -> String {
    let tables = || format!("the tables are {}", KINDS.join(", "));
    if let Some(name) = msg.strip_prefix("no such table: ") {
        return match nearest(name, KINDS.into_iter()).first() {
            Some(n) => format!("write {n} if that is what was meant; {}", tables()),
            None => tables(),
        };
    }
    let Some(name) = msg.strip_prefix("no such column: ") else { return tables() };
    let name = name.strip_suffix(" - should this be a string literal in single-quotes?").unwrap_or(name).trim_matches('"');
    let all = || known.iter().flat_map(|(_, columns)| columns.iter().map(String::as_str));
    let plain = |n: &str| n.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let written = |n: &str| if plain(n) { n.to_string() } else { crate::index::quoted(n) };
    // `runs.t_grk`, or a name with a dot: both are looked for.
    let bare = known.iter().find_map(|(table, _)| name.strip_prefix(table)?.strip_prefix('.')).unwrap_or(name);
    if let Some(n) = nearest(bare, all()).first() {
        return format!("write {} if that is what was meant", written(n));
    }
    let list = |(table, columns): &(&str, Vec<String>)| {
        let some = columns.iter().take(24).map(|n| written(n)).collect::<Vec<_>>().join(", ");
        let more = columns.len().saturating_sub(24);
        format!("the columns of {table} are {some}{}", if more > 0 { format!(" and {more} more") } else { String::new() })
    };
    if known.is_empty() { tables() } else { known.iter().map(list).collect::<Vec<_>>().join("; ") }
}

/// Names that may have been meant, nearest first: at most a third of the letters differ.
fn nearest<'a>(name: &str, all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut near: Vec<(usize, &str)> = all.map(|n| (distance(&n.to_lowercase(), &name.to_lowercase()), n)).collect();
    near.retain(|(d, _)| *d <= (name.chars().count() / 3).max(1));
    near.sort_unstable();
    near.into_iter().map(|(_, n)| n).collect()
}

/// Letters to change, add, leave out, or swap with their neighbours (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut best = (rows[i][j] + usize::from(a[i] != b[j])).min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn slips_of_the_finger_are_near() {
        for (a, b, want) in
            [("steps", "steps", 0), ("stesp", "steps", 1), ("t_grk", "t_grok", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("loss", "lost", 1)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (want, want), "{a} {b}");
        }
    }
}
