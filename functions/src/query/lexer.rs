//! From characters to tokens. Every text has tokens; whether they make sense is the parser's business.

/// A piece of a query, with its place in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: TokenKind,
    /// Of its first character.
    pub start: usize,
    /// Just after its last character. Where the next token starts here, nothing stands between them.
    pub end: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// `(`
    Open,
    /// `)`
    Close,
    /// A `-` that begins something; within a word it is a letter like others (`t-shirt`).
    Minus,
    /// `OR`, upper case, alone.
    Or,
    /// `*`
    Star,
    /// Not empty, as it was typed.
    Word(String),
    /// What stands between quotation marks. Within them `\"` is a quotation mark and `\\` a backslash.
    Phrase(String),
    /// A quotation mark that nothing closes.
    Unclosed,
    /// What stands after a colon; may be empty.
    Value(String),
}

/// Whether a character can be part of a word that is not in quotation marks. Blanks are what
/// [`LabelName::fold`](crate::model::LabelName::fold) takes for blanks.
pub(super) fn is_plain(c: char) -> bool {
    !is_blank(c) && !matches!(c, '"' | '(' | ')' | '*' | ':')
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// The tokens of a query, in order.
pub(super) fn tokens(text: &[char]) -> Vec<Token> {
    let mut lexer = Lexer { text, next: 0 };
    std::iter::from_fn(|| lexer.token()).collect()
}

struct Lexer<'a> {
    text: &'a [char],
    next: usize,
}

impl Lexer<'_> {
    fn token(&mut self) -> Option<Token> {
        self.take_while(is_blank);
        let start = self.next;
        let kind = match self.peek()? {
            '(' => self.single(TokenKind::Open),
            ')' => self.single(TokenKind::Close),
            '-' => self.single(TokenKind::Minus),
            '*' => self.single(TokenKind::Star),
            ':' => {
                self.next += 1;
                TokenKind::Value(self.take_while(is_plain))
            }
            '"' => self.phrase(),
            _ => self.word(),
        };
        Some(Token { kind, start, end: self.next })
    }

    fn single(&mut self, kind: TokenKind) -> TokenKind {
        self.next += 1;
        kind
    }

    fn word(&mut self) -> TokenKind {
        let word = self.take_while(is_plain);
        let stands_alone = !matches!(self.peek(), Some('*' | ':'));
        if word == "OR" && stands_alone { TokenKind::Or } else { TokenKind::Word(word) }
    }

    fn phrase(&mut self) -> TokenKind {
        self.next += 1;
        let mut phrase = String::new();
        while let Some(c) = self.peek() {
            self.next += 1;
            match (c, self.peek()) {
                ('"', _) => return TokenKind::Phrase(phrase),
                ('\\', Some(escaped @ ('"' | '\\'))) => {
                    self.next += 1;
                    phrase.push(escaped);
                }
                _ => phrase.push(c),
            }
        }
        TokenKind::Unclosed
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.next).copied()
    }

    fn take_while(&mut self, belongs: fn(char) -> bool) -> String {
        let taken: String = self.text[self.next..].iter().copied().take_while(|c| belongs(*c)).collect();
        self.next += taken.chars().count();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        let text: Vec<char> = text.chars().collect();
        tokens(&text).into_iter().map(|token| token.kind).collect()
    }

    fn word(text: &str) -> TokenKind {
        TokenKind::Word(text.into())
    }

    #[test]
    fn a_minus_is_an_operator_only_at_the_start_of_a_term() {
        assert_eq!(kinds("t-shirt -x"), [word("t-shirt"), TokenKind::Minus, word("x")]);
    }

    #[test]
    fn or_is_an_operator_only_in_upper_case_and_standing_alone() {
        assert_eq!(kinds("OR or Or ORB"), [TokenKind::Or, word("or"), word("Or"), word("ORB")]);
        assert_eq!(kinds("OR*"), [word("OR"), TokenKind::Star]);
        assert_eq!(kinds("OR:9"), [word("OR"), TokenKind::Value("9".into())]);
        assert_eq!(kinds("\"OR\""), [TokenKind::Phrase("OR".into())]);
    }

    #[test]
    fn a_phrase_may_contain_any_character() {
        assert_eq!(kinds(r#""a (b) -c:* OR""#), [TokenKind::Phrase("a (b) -c:* OR".into())]);
        assert_eq!(kinds(r#""3\" disk \\ \n""#), [TokenKind::Phrase(r#"3" disk \ \n"#.into())]);
        assert_eq!(kinds(r#""open\""#), [TokenKind::Unclosed]);
    }

    #[test]
    fn positions_are_counted_in_characters() {
        let text: Vec<char> = "é \"日本\"".chars().collect();
        let places: Vec<_> = tokens(&text).into_iter().map(|token| (token.start, token.end)).collect();
        assert_eq!(places, [(0, 1), (2, 6)]);
    }
}
