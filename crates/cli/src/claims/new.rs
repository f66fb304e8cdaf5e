//! `claims new`: a file with every key, to be filled in before its data.

use super::write;
use crate::output;
use pennydrop_lab::Error;
use pennydrop_lab::claims::Ledger;
use std::collections::BTreeSet;
use std::path::Path;

pub(super) fn new(folder: Option<&Path>, id: &str) -> Result<u8, Error> {
    let folder = folder.unwrap_or(Path::new("claims"));
    let (paper, number) = id.split_once('/').map_or((id, None), |(p, n)| (p, Some(n)));
    let plain = |w: &str| !w.is_empty() && w.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if !plain(paper) || !number.is_none_or(plain) || paper == "experiments" {
        return Err(Error::usage(format!("`{id}` is no name of a card and a number"), "pennydrop claims new weight-norm-clamp/9"));
    }
    // Only a misspelt name of a paper that is there is known to be wrong: cards are no part of the program.
    let ledger = if folder.is_dir() { Ledger::open(Some(folder))? } else { Ledger::embedded()? };
    let papers: BTreeSet<&str> = ledger.claims.values().map(|c| c.paper.as_str()).collect();
    if !papers.contains(paper) && pennydrop_registry::nearest(paper, papers.iter().copied()).is_some_and(|n| n.len().abs_diff(paper.len()) <= 1) {
        let near = pennydrop_registry::nearest(paper, papers.iter().copied()).unwrap_or_default();
        return Err(Error::usage(
            format!("there is no card `{paper}` in the ledger, and `{near}` is almost it"),
            format!("write {near}, or name a new paper more differently"),
        ));
    }
    let free = (1..).map(|n: u32| n.to_string()).find(|n| !folder.join(paper).join(format!("{n}.toml")).exists()).unwrap_or_default();
    let number = number.unwrap_or(&free);
    let path = folder.join(paper).join(format!("{number}.toml"));
    if path.exists() {
        return Err(Error::usage(format!("{} is there already", path.display()), "edit it, or choose another number"));
    }
    let text = format!(
        "paper = \"{paper}\"\nnumber = \"{number}\"\nplace = \"Table ?\"\nclaim = \"In our words.\"\n# number, order, existence, absence, exponent, mechanism, identity\nkind = \"number\"\n\
         generalising = \"delayed generalisation\"\n# direct, close, analogue\nstrength = \"close\"\nreconstructed = false\nsetting = \"Task, model, optimizer, levels, as the paper says.\"\n\
         # Take this away when a [[part]] decides the claim.\nwaiting = \"its experiment is not yet written down\"\ncost_core_hours = 1.0\n\n\
         # [[ambiguity]]\n# what = \"What the paper leaves open\"\n# resolved = \"how it is resolved here\"\n# matters = \"how far the verdict depends on it\"\n\n\
         # [[part]]\n# name = \"median t_grok\"\n# experiment = \"NAME of experiments/NAME.toml\"\n# statistic = {{ name = \"time\", of = \"t_grok\", where = {{ \"optim.lr\" = 1e-3 }} }}\n# published = 1840\n"
    );
    write(&path, &text)?;
    output::talk(&format!("{} is begun: fill it in before its data, then `pennydrop claims run {paper}/{number}`", path.display()));
    Ok(0)
}
