//! SPDX licence expressions: whether a list of licences satisfies one.
//!
//! Grammar (SPDX 2.3, annex D): identifiers, `WITH` an exception, `AND` before `OR`, parentheses. Old manifests write `/` for `OR`.

/// Whether someone who accepts exactly the licences for which `accepts` holds may use a work under `expression`.
/// A term with an exception is asked for whole, as `Apache-2.0 WITH LLVM-exception`.
///
/// # Errors
/// The expression is malformed; the text says where.
pub fn satisfied(expression: &str, accepts: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, at: 0, accepts };
    let value = parser.or()?;
    match parser.next() {
        None => Ok(value),
        Some(word) => Err(format!("`{expression}`: `{word}` is out of place")),
    }
}

struct Parser<'a> {
    words: &'a [&'a str],
    at: usize,
    accepts: &'a dyn Fn(&str) -> bool,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.at).copied();
        self.at += 1;
        word
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.words.get(self.at) == Some(&word);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<bool, String> {
        let mut value = self.and()?;
        while self.eat("OR") {
            value |= self.and()?;
        }
        Ok(value)
    }

    fn and(&mut self) -> Result<bool, String> {
        let mut value = self.term()?;
        while self.eat("AND") {
            value &= self.term()?;
        }
        Ok(value)
    }

    fn term(&mut self) -> Result<bool, String> {
        if self.eat("(") {
            let value = self.or()?;
            return if self.eat(")") { Ok(value) } else { Err("a parenthesis is not closed".into()) };
        }
        let name = self.next().filter(|w| !["AND", "OR", "WITH", ")"].contains(w)).ok_or("a licence is missing")?;
        if !self.eat("WITH") {
            return Ok((self.accepts)(name));
        }
        let exception = self.next().ok_or("an exception is missing after WITH")?;
        Ok((self.accepts)(&format!("{name} WITH {exception}")))
    }
}

#[cfg(test)]
mod tests {
    use super::satisfied;

    fn ok(expression: &str) -> bool {
        satisfied(expression, &|l| ["MIT", "Apache-2.0", "Unicode-3.0", "GPL-3.0 WITH Foo"].contains(&l)).unwrap()
    }

    #[test]
    fn and_binds_before_or() {
        assert!(ok("MIT OR GPL-3.0 AND Zlib"));
        assert!(!ok("GPL-3.0 OR MIT AND Zlib"));
        assert!(ok("(GPL-3.0 OR MIT) AND Unicode-3.0"));
        assert!(!ok("(GPL-3.0 OR MIT) AND Zlib"));
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert!(!ok("Apache-2.0 WITH LLVM-exception"), "only the whole term counts");
        assert!(ok("Apache-2.0 WITH LLVM-exception OR MIT"));
        assert!(ok("GPL-3.0 WITH Foo"));
    }

    #[test]
    fn the_old_slash_is_an_or() {
        assert!(ok("GPL-3.0/MIT"));
    }

    #[test]
    fn malformed_expressions_are_errors() {
        for bad in ["", "MIT OR", "MIT Apache-2.0", "(MIT", "MIT)", "AND MIT", "MIT WITH"] {
            assert!(satisfied(bad, &|_| true).is_err(), "{bad}");
        }
    }
}
