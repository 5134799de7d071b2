pub struct Glossary;
