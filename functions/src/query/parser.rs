//! From tokens to an expression, by recursive descent:
//!
//! ```text
//! query  = [ any ]
//! any    = all { "OR" all }
//! all    = factor { factor }
//! factor = [ "-" ] atom
//! atom   = "(" any ")" | "is:offensive" | "by:me" | ( word | phrase ) [ "*" ] [ ":" confidence ]
//! ```
//!
//! No blank stands after `-` and before `*` and `:`; between two words or phrases stands at least one.

use super::error::{QueryError, shown};
use super::expression::{Expression, Pattern, Term};
use super::lexer::{Token, TokenKind, tokens};
use crate::model::{Confidence, LabelName};

/// The most words, phrases, prefixes and keywords in a query.
const MAX_TERMS: usize = 64;
/// The deepest nesting of parentheses.
const MAX_DEPTH: usize = 32;

const SOMETHING: &str = "a word, a phrase in quotation marks or `(`";
const CONFIDENCE: &str = "a number from 0 to 100";

/// Reads a text of at most `max_chars`.
pub(super) fn parse(text: &str, max_chars: usize) -> Result<Expression, QueryError> {
    let chars: Vec<char> = text.chars().take(max_chars + 1).collect();
    if chars.len() > max_chars {
        let expected = format!("a query of at most {max_chars} characters");
        return Err(QueryError::new(max_chars, expected, "the query is too long"));
    }
    let mut parser = Parser { tokens: &tokens(&chars), end: chars.len(), terms: 0 };
    if parser.tokens.is_empty() {
        return Ok(Expression::All(Vec::new()));
    }
    let expression = parser.any(0)?;
    match parser.tokens {
        [] => Ok(expression),
        [rest, ..] => Err(QueryError::new(rest.start, "the end of the query", "unmatched `)`")),
    }
}

struct Parser<'a> {
    /// Those not read yet.
    tokens: &'a [Token],
    /// The query's length in characters: the position of what is missing at the end.
    end: usize,
    /// How many were read.
    terms: usize,
}

impl<'a> Parser<'a> {
    fn any(&mut self, depth: usize) -> Result<Expression, QueryError> {
        let mut alternatives = vec![self.all(depth)?];
        while matches!(self.peek(), Some(TokenKind::Or)) {
            self.advance();
            alternatives.push(self.all(depth)?);
        }
        Ok(Expression::any(alternatives))
    }

    fn all(&mut self, depth: usize) -> Result<Expression, QueryError> {
        let mut factors = vec![self.factor(depth)?];
        while !matches!(self.peek(), None | Some(TokenKind::Or | TokenKind::Close)) {
            factors.push(self.factor(depth)?);
        }
        Ok(Expression::all(factors))
    }

    fn factor(&mut self, depth: usize) -> Result<Expression, QueryError> {
        let Some(Token { kind: TokenKind::Minus, end, .. }) = self.tokens.first() else { return self.atom(depth) };
        self.advance();
        if self.glued_to(*end).is_none() {
            return Err(QueryError::new(*end, SOMETHING, "nothing follows `-`"));
        }
        self.atom(depth).map(Expression::not)
    }

    fn atom(&mut self, depth: usize) -> Result<Expression, QueryError> {
        let Some(token) = self.advance() else {
            return Err(QueryError::new(self.end, SOMETHING, "the query ends too early"));
        };
        let misplaced = |expected: &str, message: &str| Err(QueryError::new(token.start, expected, message));
        match &token.kind {
            TokenKind::Open => self.group(token.start, depth),
            TokenKind::Word(text) => self.word(token, text),
            TokenKind::Phrase(text) => self.term(token, text),
            TokenKind::Unclosed => Err(QueryError::new(self.end, "a closing `\"`", "unclosed phrase")),
            TokenKind::Close => misplaced(SOMETHING, "nothing before `)`"),
            TokenKind::Or => misplaced(SOMETHING, "`OR` must be between two terms; write `or` to search for the word"),
            TokenKind::Minus => misplaced(SOMETHING, "a second `-`"),
            TokenKind::Star => misplaced("a word or a phrase directly before `*`", "a `*` with nothing before it"),
            TokenKind::Value(_) => misplaced("a word or a phrase directly before `:`", "a `:` with nothing before it"),
        }
    }

    fn group(&mut self, start: usize, depth: usize) -> Result<Expression, QueryError> {
        if depth == MAX_DEPTH {
            let expected = format!("at most {MAX_DEPTH} levels of parentheses");
            return Err(QueryError::new(start, expected, "the query is nested too deeply"));
        }
        let inner = self.any(depth + 1)?;
        match self.advance() {
            Some(Token { kind: TokenKind::Close, .. }) => Ok(inner),
            // `any` stops at nothing else but the end.
            _ => Err(QueryError::new(self.end, "`)`", "unclosed `(`")),
        }
    }

    /// A keyword, if a colon follows one; else a term.
    fn word(&mut self, token: &Token, text: &str) -> Result<Expression, QueryError> {
        let Some(Token { kind: TokenKind::Value(value), start, end }) = self.glued_to(token.end) else {
            return self.term(token, text);
        };
        let keyword = text.to_lowercase();
        let (only, meaning) = match keyword.as_str() {
            "is" => ("offensive", Expression::Offensive),
            "by" => ("me", Expression::Mine),
            _ => return self.term(token, text),
        };
        if value.to_lowercase() != only {
            let what = if value.is_empty() { "nothing".into() } else { shown(value) };
            let message = format!("found {what} after `{keyword}:`");
            return Err(QueryError::new(start + 1, format!("`{only}`, as in `{keyword}:{only}`"), message));
        }
        self.advance();
        self.finished(token.start, *end, meaning)
    }

    fn term(&mut self, token: &Token, text: &str) -> Result<Expression, QueryError> {
        let name = LabelName::fold(text).ok_or_else(|| {
            let blank = text.chars().all(|c| c.is_whitespace() || c.is_control());
            let message = if blank { "an empty phrase" } else { "too long for a label" };
            QueryError::new(token.start, format!("1 to {} characters", LabelName::MAX_CHARS), message)
        })?;
        let (pattern, mut end) = match self.glued_to(token.end) {
            Some(Token { kind: TokenKind::Star, end, .. }) => {
                self.advance();
                (Pattern::Prefix(name), *end)
            }
            _ => (Pattern::Whole(name), token.end),
        };
        let mut at_least = None;
        if let Some(Token { kind: TokenKind::Value(value), start, end: value_end }) = self.glued_to(end) {
            at_least = Some(confidence(start + 1, value)?);
            end = *value_end;
            self.advance();
        }
        self.finished(token.start, end, Expression::Term(Term { pattern, at_least }))
    }

    /// Counts the term, and looks whether it really ends where it ends: `su*n` is not `su* n`.
    fn finished(&mut self, start: usize, end: usize, term: Expression) -> Result<Expression, QueryError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            let expected = format!("at most {MAX_TERMS} words");
            return Err(QueryError::new(start, expected, "the query has too many words"));
        }
        match self.glued_to(end).map(|token| &token.kind) {
            None | Some(TokenKind::Open | TokenKind::Close | TokenKind::Or | TokenKind::Minus) => Ok(term),
            Some(TokenKind::Star | TokenKind::Value(_)) => {
                Err(QueryError::new(end, "a space", "only one `*`, and then one `:`, can end a word"))
            }
            Some(TokenKind::Word(_) | TokenKind::Phrase(_) | TokenKind::Unclosed) => {
                Err(QueryError::new(end, "a space", "no space between two words"))
            }
        }
    }

    fn peek(&self) -> Option<&'a TokenKind> {
        self.tokens.first().map(|token| &token.kind)
    }

    fn advance(&mut self) -> Option<&'a Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    /// The next token, if nothing stands between it and what ended here.
    fn glued_to(&self, end: usize) -> Option<&'a Token> {
        self.tokens.first().filter(|token| token.start == end)
    }
}

/// Reads digits, with or without a decimal point between them.
fn confidence(position: usize, text: &str) -> Result<Confidence, QueryError> {
    let error = |message: String| QueryError::new(position, CONFIDENCE, message);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if text.is_empty() {
        return Err(error("no confidence after `:`".into()));
    }
    let number = (digits(whole) && digits(fraction)).then(|| text.parse::<f64>().ok()).flatten();
    let percent =
        number.ok_or_else(|| error(format!("{} isn't a number. Confidence is written `dog:95`", shown(text))))?;
    Confidence::from_percent(percent).ok_or_else(|| error(format!("{} is over 100", shown(text))))
}
