//! A small seeded generator: the same seed gives the same uids, faults and files on every machine.

/// Splitmix64: 64 bits of seed, no other memory, good enough for names, faults and file contents.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

/// The letters the API server uses for generated names: no vowels, so that no words arise.
const NAME_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Draws a number below `bound`; 0 when `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// Draws true with the given probability (0.0 to 1.0).
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        // 53 bits are what an f64 holds exactly.
        #[allow(clippy::cast_precision_loss, reason = "the value is below 2^53")]
        let drawn = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        drawn < probability
    }

    /// Draws a value in the form of a uid (version 4).
    pub(crate) fn uid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            0x8000 | (b >> 48) & 0x3fff,
            b & 0xffff_ffff_ffff
        )
    }

    /// Draws the five letters that the API server adds to a `generateName`.
    pub(crate) fn name_suffix(&mut self) -> String {
        (0..5).map(|_| char::from(*self.pick(NAME_LETTERS))).collect()
    }

    fn pick<'a>(&mut self, letters: &'a [u8]) -> &'a u8 {
        let index = usize::try_from(self.below(letters.len() as u64)).unwrap_or(0);
        &letters[index]
    }
}
