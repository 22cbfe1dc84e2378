//! zstd, within bounds: whether it pays for a content, and unpacking that ends where the content's size
//! says that it must, however little of a bomb came.

use std::io::{self, Read, Write};

/// The fastest level: a network of a gigabit is not quicker than it.
const LEVEL: i32 = 1;

/// What is looked at to see whether packing pays.
const SAMPLE: usize = 64 << 10;

/// Less than this is not worth the trouble.
const LEAST: usize = 256;

/// The window that is unpacked with at most, as a power of two: 8 MiB, which every decoder must manage
/// by RFC 8878.
const WINDOW: u32 = 23;

/// Whether a content that begins like this becomes smaller by a tenth.
#[must_use]
pub fn pays(beginning: &[u8]) -> bool {
    let sample = &beginning[..beginning.len().min(SAMPLE)];
    sample.len() >= LEAST
        && zstd::bulk::compress(sample, LEVEL)
            .is_ok_and(|packed| packed.len() < sample.len() - sample.len() / 10)
}

/// The bytes that [`pays`] wants to see.
#[must_use]
pub fn sample_size() -> u64 {
    SAMPLE as u64
}

/// A content, packed.
pub fn pack(bytes: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(bytes, LEVEL)
}

/// What a reader gives, packed as it is read.
pub fn packing<R: Read>(reader: R) -> io::Result<impl Read> {
    zstd::stream::read::Encoder::new(reader, LEVEL)
}

/// The content of `size` bytes that was packed; an error where it is any longer or shorter.
pub fn unpack(packed: &[u8], size: u64) -> io::Result<Vec<u8>> {
    let mut unpacking = Unpacking::new(Vec::new(), size)?;
    unpacking.write(packed)?;
    let bytes = unpacking.finish()?;
    if bytes.len() as u64 == size {
        return Ok(bytes);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "it unpacks to less than was promised"))
}

/// Unpacks what comes, piece by piece, into a writer.
pub struct Unpacking<W: Write> {
    decoder: zstd::stream::write::Decoder<'static, Limited<W>>,
    /// How much may still come.
    left: u64,
}

impl<W: Write> Unpacking<W> {
    /// Unpacks a content of `size` bytes.
    pub fn new(writer: W, size: u64) -> io::Result<Self> {
        let limited = Limited { writer, left: size };
        let mut decoder = zstd::stream::write::Decoder::new(limited)?;
        decoder.window_log_max(WINDOW)?;
        Ok(Self { decoder, left: most_packed(size) })
    }

    /// Unpacks a piece.
    pub fn write(&mut self, packed: &[u8]) -> io::Result<()> {
        self.left = self
            .left
            .checked_sub(packed.len() as u64)
            .ok_or_else(|| invalid("it is more than was promised even while it is packed"))?;
        self.decoder.write_all(packed)
    }

    /// The writer, after all that came.
    pub fn finish(mut self) -> io::Result<W> {
        self.decoder.flush()?;
        Ok(self.decoder.into_inner().writer)
    }
}

/// The most bytes that a content of some size is ever packed into, frames and all.
fn most_packed(size: u64) -> u64 {
    size.saturating_add(size / 64).saturating_add(1 << 10)
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// A writer that takes so much and no more.
struct Limited<W> {
    writer: W,
    left: u64,
}

impl<W: Write> Write for Limited<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(|| invalid("it unpacks to more than was promised"))?;
        self.writer.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(size: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(1);
        (0..size).map(|_| random.u8(..)).collect()
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        for bytes in [Vec::new(), b"text ".repeat(99_999), noise(300_000)] {
            let packed = pack(&bytes).unwrap();
            assert_eq!(unpack(&packed, bytes.len() as u64).unwrap(), bytes);
            let mut read = Vec::new();
            packing(bytes.as_slice()).unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(unpack(&read, bytes.len() as u64).unwrap(), bytes);
        }
    }

    #[test]
    fn pays_for_text_and_not_for_noise() {
        assert!(pays(&b"#define A 1\n".repeat(100)));
        assert!(!pays(&noise(100_000)));
        assert!(!pays(b"short"));
    }

    #[test]
    fn a_bomb_is_refused_where_it_leaves_its_size() {
        let bomb = pack(&vec![0; 64 << 20]).unwrap();
        assert!(bomb.len() < 16 << 10, "{}", bomb.len());
        for promised in [0, 1, 1000, (64 << 20) - 1] {
            let error = unpack(&bomb, promised).unwrap_err();
            assert!(error.to_string().contains("more than was promised"), "{error}");
        }
        let error = unpack(&bomb, (64 << 20) + 1).unwrap_err();
        assert!(error.to_string().contains("less than was promised"), "{error}");
    }

    #[test]
    fn frames_without_end_and_without_content_are_refused() {
        let nothing = pack(b"").unwrap();
        let mut unpacking = Unpacking::new(Vec::new(), 5).unwrap();
        let ended = (0..1_000).map(|_| unpacking.write(&nothing)).find_map(Result::err);
        assert!(ended.unwrap().to_string().contains("even while it is packed"));
    }

    #[test]
    fn a_window_beyond_the_limit_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        for _ in 0..20 {
            encoder.write_all(&noise(1 << 20)).unwrap();
        }
        let packed = encoder.finish().unwrap();
        assert!(unpack(&packed, 20 << 20).is_err());
        assert!(unpack(b"not packed at all", 17).is_err());
    }
}
