//! How far an upload or a download is: assets, bytes, the time left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::say::{bytesize, count, duration};
use crate::model::event::Event;

/// What was planned, what is there, what is under way.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    assets: usize,
    bytes: u64,
    there: usize,
    sent: u64,
    running: BTreeMap<String, Running>,
    /// Whether the assets come instead of being sent.
    comes: bool,
    since: Option<Instant>,
}

#[derive(Debug)]
struct Running {
    size: u64,
    sent: u64,
}

impl Uploads {
    /// Takes note of an event.
    pub(super) fn hear(&mut self, event: &Event) {
        match event {
            Event::UploadPlanned { assets, present, bytes, .. } => {
                let since = Some(Instant::now());
                let (assets, there, bytes) = (*assets, *present, *bytes);
                *self = Self { assets, bytes, there, since, ..Self::default() };
            }
            Event::DownloadPlanned { assets, bytes, .. } => {
                let since = Some(Instant::now());
                *self =
                    Self { assets: *assets, bytes: *bytes, comes: true, since, ..Self::default() };
            }
            Event::AssetStarted { asset, size } => {
                self.running.insert(asset.clone(), Running { size: *size, sent: 0 });
            }
            Event::AssetProgress { asset, sent } => {
                if let Some(running) = self.running.get_mut(asset) {
                    running.sent = *sent;
                }
            }
            Event::AssetFinished { asset, size } | Event::AssetFetched { asset, size } => {
                self.running.remove(asset);
                self.there += 1;
                self.sent += size;
            }
            _ => {}
        }
    }

    /// What is done to them, for who sees lines only.
    pub(super) fn doing(&self) -> &'static str {
        if self.comes { "Receiving" } else { "Sending" }
    }

    /// Bytes sent, of all that had to be.
    pub(super) fn bytes(&self) -> (u64, u64) {
        let under_way: u64 = self.running.values().map(|running| running.sent).sum();
        let sent = self.sent + under_way;
        // What had to be sent twice was not planned.
        (sent, self.bytes.max(sent))
    }

    /// `3 of 8 assets, 1.5 MiB of 4 MiB, about 12 s left`
    pub(super) fn text(&self) -> String {
        let (sent, bytes) = self.bytes();
        let mut text = format!(
            "{} of {}, {} of {}",
            self.there,
            count(self.assets, "asset"),
            bytesize(sent),
            bytesize(bytes)
        );
        if let Some(left) = self.left().filter(|left| *left >= Duration::from_secs(1)) {
            text += &format!(", about {} left", duration(left));
        }
        text
    }

    /// What of an asset is sent: `1.5 MiB of 4 MiB`.
    pub(super) fn text_of(&self, asset: &str) -> Option<String> {
        let Running { size, sent } = self.running.get(asset)?;
        Some(format!("{} of {}", bytesize(*sent), bytesize(*size)))
    }

    /// At the speed so far.
    fn left(&self) -> Option<Duration> {
        let (sent, bytes) = self.bytes();
        let elapsed = self.since?.elapsed();
        if sent == 0 {
            return None;
        }
        let millis = elapsed.as_millis() * u128::from(bytes - sent) / u128::from(sent);
        Some(Duration::from_millis(u64::try_from(millis).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_and_bytes_are_counted() {
        let mut uploads = Uploads::default();
        let place = "there".to_owned();
        let started = |size| Event::AssetStarted { asset: "a".to_owned(), size };
        let sent = |sent| Event::AssetProgress { asset: "a".to_owned(), sent };
        uploads.hear(&Event::UploadPlanned { place, assets: 3, present: 1, bytes: 3000 });
        uploads.hear(&started(2000));
        uploads.hear(&sent(1500));
        assert_eq!(uploads.bytes(), (1500, 3000));
        assert_eq!(uploads.text_of("a").unwrap(), "1.46 KiB of 1.95 KiB");
        uploads.hear(&started(2000));
        assert_eq!(uploads.bytes(), (0, 3000));
        uploads.hear(&Event::AssetFinished { asset: "a".to_owned(), size: 2000 });
        assert_eq!(uploads.bytes(), (2000, 3000));
        assert!(uploads.text().starts_with("2 of 3 assets, 1.95 KiB of 2.93 KiB"));
    }
}
