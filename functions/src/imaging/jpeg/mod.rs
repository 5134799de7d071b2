//! Whether a JPEG is whole: its scans are gone through as a decoder does, without making pixels of them.
//!
//! A decoder fills up what is missing with grey, and an end marker can be appended to anything. So it is the data that
//! decide: each block that the frame header announces must be there, each coefficient to its last bit. Where that is so,
//! the picture ends, whatever follows: an end marker, a trailer of the camera's, a film, or nothing.

mod bits;
mod huffman;
mod scan;
#[cfg(test)]
mod tests;

use img_parts::jpeg::markers;

use self::bits::{Bits, Broken};
use self::huffman::{END_OF_BLOCK, Table};
use self::scan::{Frame, Scan};
use super::Rejection;

/// The most scans of a picture. Encoders write about ten; each costs a pass over the whole picture.
pub(super) const MAX_SCANS: usize = 64;

/// Coefficients of a block.
const BLOCK: usize = 64;
/// Of a coefficient that no scan sent yet.
const MISSING: u8 = u8::MAX;

/// Goes through a picture, part after part in the order of the file, until it is whole.
pub(super) struct Walk {
    frame: Option<Frame>,
    dc_tables: [Option<Table>; 4],
    ac_tables: [Option<Table>; 4],
    restart_interval: usize,
    scans: usize,
    /// Of each component: the lowest bit that was sent of each coefficient.
    sent: Vec<[u8; BLOCK]>,
    /// Of each component of a progressive picture: which coefficients of each block are not zero so far.
    nonzero: Vec<Vec<u64>>,
}

impl Walk {
    pub(super) fn new() -> Self {
        Self {
            frame: None,
            dc_tables: [const { None }; 4],
            ac_tables: [const { None }; 4],
            restart_interval: 0,
            scans: 0,
            sent: Vec::new(),
            nonzero: Vec::new(),
        }
    }

    /// Takes a segment before or between scans: frame header, tables, restart interval. Others mean nothing here.
    pub(super) fn segment(&mut self, marker: u8, contents: &[u8]) -> Result<(), Rejection> {
        match marker {
            markers::SOF0..=markers::SOF2 => self.begin_frame(marker == markers::SOF2, contents),
            markers::DHT => {
                for (class, place, table) in huffman::read(contents)? {
                    let tables = if class == 0 { &mut self.dc_tables } else { &mut self.ac_tables };
                    tables[place] = Some(table);
                }
                Ok(())
            }
            markers::DRI => {
                let interval = contents.get(..2).ok_or(Rejection::Damaged)?;
                self.restart_interval = usize::from(u16::from_be_bytes([interval[0], interval[1]]));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn begin_frame(&mut self, progressive: bool, contents: &[u8]) -> Result<(), Rejection> {
        let frame = Frame::read(progressive, contents)?;
        if frame.precision != 8 {
            return Err(Rejection::Unsupported);
        }
        if self.frame.is_some() {
            return Err(Rejection::Damaged);
        }
        self.sent = vec![[MISSING; BLOCK]; frame.components.len()];
        if progressive {
            let (across, down) = frame.units;
            let blocks = |component: &scan::Component| component.sampling.0 * across * component.sampling.1 * down;
            self.nonzero = frame.components.iter().map(|component| vec![0; blocks(component)]).collect();
        }
        self.frame = Some(frame);
        Ok(())
    }

    /// Whether every coefficient of every block was sent to its last bit.
    pub(super) fn is_whole(&self) -> bool {
        !self.sent.is_empty() && self.sent.iter().flatten().all(|lowest| *lowest == 0)
    }

    /// Goes through the data of a scan, which begin at `from`. Says where they end: at the byte after the last one that is
    /// needed.
    pub(super) fn scan(&mut self, header: &[u8], data: &[u8], from: usize) -> Result<usize, Rejection> {
        self.scans += 1;
        if self.scans > MAX_SCANS {
            return Err(Rejection::Unsupported);
        }
        let frame = self.frame.as_ref().ok_or(Rejection::Damaged)?;
        let scan = Scan::read(frame, header)?;
        let (first, last) = scan.band;
        for (place, ..) in &scan.components {
            self.sent[*place][first as usize..=last as usize].fill(scan.low);
        }
        let mut pass = Pass {
            bits: Bits::new(data, from),
            data,
            until_restart: self.restart_interval,
            restart_interval: self.restart_interval,
            end_of_band_run: 0,
        };
        pass.run(frame, &scan, [&self.dc_tables, &self.ac_tables], &mut self.nonzero)?;
        Ok(pass.bits.end())
    }
}

impl From<Broken> for Rejection {
    fn from(_: Broken) -> Self {
        Self::Damaged
    }
}

/// One scan being gone through.
struct Pass<'a> {
    bits: Bits<'a>,
    data: &'a [u8],
    /// Units until the next restart marker; 0 for those that have none.
    until_restart: usize,
    restart_interval: usize,
    /// Blocks that still belong to a run of blocks without further coefficients in this band.
    end_of_band_run: u32,
}

impl Pass<'_> {
    fn run(
        &mut self,
        frame: &Frame,
        scan: &Scan,
        [dc, ac]: [&[Option<Table>; 4]; 2],
        nonzero: &mut [Vec<u64>],
    ) -> Result<(), Broken> {
        if let [(place, dc_place, ac_place)] = scan.components[..] {
            let component = &frame.components[place];
            let stride = frame.units.0 * component.sampling.0;
            let (across, down) = component.blocks;
            let kind = Kind::new(frame, scan, dc[dc_place].as_ref(), ac[ac_place].as_ref())?;
            for row in 0..down {
                for column in 0..across {
                    self.before_unit()?;
                    let block = nonzero.get_mut(place).and_then(|blocks| blocks.get_mut(row * stride + column));
                    self.block(&kind, scan, block)?;
                }
            }
            return Ok(());
        }
        // Interleaved scans send no coefficients that depend on earlier ones.
        let mut kinds = Vec::with_capacity(scan.components.len());
        for &(place, dc_place, ac_place) in &scan.components {
            let (across, down) = frame.components[place].sampling;
            kinds.push((across * down, Kind::new(frame, scan, dc[dc_place].as_ref(), ac[ac_place].as_ref())?));
        }
        for _ in 0..frame.units.0 * frame.units.1 {
            self.before_unit()?;
            for (blocks, kind) in &kinds {
                for _ in 0..*blocks {
                    self.block(kind, scan, None)?;
                }
            }
        }
        Ok(())
    }

    /// Passes over a restart marker where one is due.
    fn before_unit(&mut self) -> Result<(), Broken> {
        if self.restart_interval == 0 {
            return Ok(());
        }
        if self.until_restart == 0 {
            let (marker, at) = next_marker(self.data, self.bits.end()).ok_or(Broken)?;
            if !matches!(marker, markers::RST0..=markers::RST7) {
                return Err(Broken);
            }
            self.bits = Bits::new(self.data, at + 2);
            self.end_of_band_run = 0;
            self.until_restart = self.restart_interval;
        }
        self.until_restart -= 1;
        Ok(())
    }

    #[inline]
    fn block(&mut self, kind: &Kind<'_>, scan: &Scan, nonzero: Option<&mut u64>) -> Result<(), Broken> {
        match kind {
            Kind::Sequential(dc, ac) => {
                dc.difference(&mut self.bits)?;
                let mut at = 1;
                while at < END_OF_BLOCK.into() {
                    at += ac.step(&mut self.bits)?;
                }
                Ok(())
            }
            Kind::FirstDc(dc) => dc.difference(&mut self.bits),
            Kind::MoreDc => {
                self.bits.refill();
                self.bits.skip(1)
            }
            Kind::FirstAc(ac) => self.first_ac(ac, scan.band, nonzero.ok_or(Broken)?),
            Kind::MoreAc(ac) => self.more_ac(ac, scan.band, nonzero.ok_or(Broken)?),
        }
    }

    /// ITU T.81 §G.1.2.2.
    fn first_ac(&mut self, table: &Table, (mut at, last): (u32, u32), nonzero: &mut u64) -> Result<(), Broken> {
        if self.end_of_band_run > 0 {
            self.end_of_band_run -= 1;
            return Ok(());
        }
        while at <= last {
            let symbol = table.symbol(&mut self.bits)?;
            let (run, length) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            match (run, length) {
                (15, 0) => at += 16,
                (_, 0) => {
                    self.end_of_band_run = (1 << run) - 1 + self.bits.take(run)?;
                    break;
                }
                _ => {
                    at += run;
                    self.bits.refill();
                    self.bits.skip(length)?;
                    if at <= last {
                        *nonzero |= 1 << at;
                    }
                    at += 1;
                }
            }
        }
        Ok(())
    }

    /// ITU T.81 §G.1.2.3: one bit more of each coefficient that is not zero, and those that become so.
    fn more_ac(&mut self, table: &Table, (mut at, last): (u32, u32), nonzero: &mut u64) -> Result<(), Broken> {
        while self.end_of_band_run == 0 && at <= last {
            let symbol = table.symbol(&mut self.bits)?;
            let (mut run, length) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if length == 0 && run < 15 {
                self.end_of_band_run = (1 << run) + self.bits.take(run)?;
                break;
            }
            if length > 1 {
                return Err(Broken);
            }
            self.bits.skip_all(length)?;
            while at <= last {
                if *nonzero >> at & 1 == 1 {
                    self.bits.skip_all(1)?;
                } else if run == 0 {
                    break;
                } else {
                    run -= 1;
                }
                at += 1;
            }
            if length == 1 && at <= last {
                *nonzero |= 1 << at;
            }
            at += 1;
        }
        if self.end_of_band_run > 0 {
            if at <= last {
                let band = (u64::MAX >> (63 - last)) & (u64::MAX << at);
                self.bits.skip_all((*nonzero & band).count_ones())?;
            }
            self.end_of_band_run -= 1;
        }
        Ok(())
    }
}

/// How the blocks of a component are coded in a scan.
enum Kind<'a> {
    Sequential(&'a Table, &'a Table),
    FirstDc(&'a Table),
    MoreDc,
    FirstAc(&'a Table),
    MoreAc(&'a Table),
}

impl<'a> Kind<'a> {
    fn new(frame: &Frame, scan: &Scan, dc: Option<&'a Table>, ac: Option<&'a Table>) -> Result<Self, Broken> {
        let (dc, ac) = (dc.ok_or(Broken), ac.ok_or(Broken));
        Ok(match (frame.progressive, scan.band.0, scan.high) {
            (false, ..) => Self::Sequential(dc?, ac?),
            (true, 0, 0) => Self::FirstDc(dc?),
            (true, 0, _) => Self::MoreDc,
            (true, _, 0) => Self::FirstAc(ac?),
            (true, ..) => Self::MoreAc(ac?),
        })
    }
}

/// The next marker that ends a part of a scan's data, and where its `FF` stands: neither a stuffed zero nor a fill byte
/// (ITU T.81 §B.1.1). Restart markers are among them.
pub(super) fn next_marker(data: &[u8], from: usize) -> Option<(u8, usize)> {
    let mut at = from;
    loop {
        at += data.get(at..)?.iter().position(|byte| *byte == markers::P)?;
        match *data.get(at + 1)? {
            0x00 => at += 2,
            markers::P => at += 1,
            marker => return Some((marker, at)),
        }
    }
}
