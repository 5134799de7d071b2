//! How functions are put together from what a backend provides, said once for both backends.

mod images;
mod live;
mod provider;

pub use provider::Provider;

/// A function that can be made from what a backend provides.
pub trait FromProvider: Sized {
    /// Asks for the parts that the function needs, and for no others: on AWS it has neither settings nor rights for them.
    ///
    /// # Errors
    /// A part cannot be made.
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error>;
}
