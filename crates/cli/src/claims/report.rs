//! `claims report`: the ledger as a page.

use crate::output;
use pennydrop_lab::Error;
use pennydrop_lab::claims::{Ledger, judge};
use pennydrop_lab::machine::ENGINE;
use std::path::Path;

pub(super) fn report(folder: Option<&Path>, to: &Path) -> Result<u8, Error> {
    let ledger = Ledger::open(folder)?;
    let judged = judge(&ledger, &ledger.find("all")?);
    std::fs::create_dir_all(to).map_err(|e| Error::System { doing: format!("make the folder {}", to.display()), why: e.to_string() })?;
    pennydrop_lab::claims::report::write(&ledger, &judged, ENGINE, to)?;
    output::data(&format!("{}\n", to.join("index.html").display()));
    Ok(0)
}
