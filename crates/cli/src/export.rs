//! `export`: a campaign's tables as files for other programs.

use crate::args::{ExportArgs, ExportFormat, TableName};
use crate::output;
use pennydrop_lab::words::count;
use pennydrop_lab::{Error, Record, export as lab};
use std::io::{ErrorKind, IsTerminal};

pub fn export(a: &ExportArgs) -> Result<u8, Error> {
    let format = match a.format {
        ExportFormat::Csv => lab::Format::Csv,
        ExportFormat::Jsonl => lab::Format::Jsonl,
        ExportFormat::Npz => lab::Format::Npz,
        ExportFormat::Tensorboard => lab::Format::Tensorboard,
    };
    // Event files hold curves, and nothing else.
    let what = match a.table {
        Some(TableName::Curves) => lab::What::Curves,
        None if format == lab::Format::Tensorboard => lab::What::Curves,
        None | Some(TableName::Runs) => lab::What::Runs,
    };
    let record = Record::read(&a.folder)?;
    let mut stdout = std::io::stdout().lock();
    let target = match &a.output {
        Some(path) => lab::Target::Path { path, force: a.force },
        None if format == lab::Format::Npz && stdout.is_terminal() => {
            return Err(Error::usage("an archive of arrays is nothing for a terminal", "name a file with -o, such as -o runs.npz"));
        }
        None => lab::Target::Stream(&mut stdout),
    };
    match lab::export(record.campaign(), what, format, target, &a.runs) {
        // A reader that has seen enough (`| head`) is no failure.
        Err(Error::Write { source, .. }) if a.output.is_none() && source.kind() == ErrorKind::BrokenPipe => Ok(0),
        Err(e) => Err(e),
        Ok(done) => {
            if let Some(path) = &a.output {
                let rows = if what == lab::What::Runs { "runs" } else { "evaluations" };
                let files = if done.files == 1 { String::new() } else { format!(" ({} files)", count(done.files)) };
                output::talk(&format!("{} {rows} in {}{files}", count(done.rows), path.display()));
            }
            Ok(0)
        }
    }
}
