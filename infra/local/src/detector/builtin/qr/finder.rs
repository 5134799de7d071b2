//! Counts what looks like the finder pattern of a QR code: a black ring around a black stone, cut 1:1:3:1:1 by a line.
//!
//! One pass over the runs of black pixels in each row, joined into areas from row to row.

use std::collections::HashSet;

/// A run of black pixels in one row.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
    area: usize,
}

impl Run {
    fn length(self) -> usize {
        self.end - self.start
    }
}

/// How many finder patterns a black and white picture seems to have.
pub(super) fn count(width: usize, height: usize, is_black: impl Fn(usize, usize) -> bool) -> usize {
    let mut areas = Areas::default();
    let mut rows: Vec<Vec<Run>> = Vec::with_capacity(height);
    for y in 0..height {
        let mut row = runs(width, |x| is_black(x, y), &mut areas);
        if let Some(above) = rows.last() {
            join(above, &row, &mut areas);
        }
        for run in &mut row {
            run.area = areas.root(run.area);
        }
        rows.push(row);
    }
    let mut rings = HashSet::new();
    for three in rows.iter().flat_map(|row| row.windows(3)) {
        let [left, stone, right] = [three[0], three[1], three[2]];
        if is_cut_like_a_pattern(left, stone, right) {
            let [ring, stone, other] = [left, stone, right].map(|run| areas.root(run.area));
            // The stone is 9 modules large and the ring 24.
            let percent = areas.sizes[stone] * 100 / areas.sizes[ring].max(1);
            if ring == other && ring != stone && (10..=70).contains(&percent) {
                rings.insert(ring);
            }
        }
    }
    rings.len()
}

fn runs(width: usize, is_black: impl Fn(usize) -> bool, areas: &mut Areas) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut x = 0;
    while x < width {
        if !is_black(x) {
            x += 1;
            continue;
        }
        let start = x;
        while x < width && is_black(x) {
            x += 1;
        }
        runs.push(Run { start, end: x, area: areas.add(x - start) });
    }
    runs
}

/// Runs that touch the row above belong to the same area.
fn join(above: &[Run], row: &[Run], areas: &mut Areas) {
    let mut first = 0;
    for run in row {
        while first < above.len() && above[first].end <= run.start {
            first += 1;
        }
        for touching in above[first..].iter().take_while(|over| over.start < run.end) {
            areas.join(touching.area, run.area);
        }
    }
}

/// Black, white, black, white, black as 1:1:3:1:1, each within three quarters of a module.
fn is_cut_like_a_pattern(left: Run, stone: Run, right: Run) -> bool {
    let lengths = [left.length(), stone.start - left.end, stone.length(), right.start - stone.end, right.length()];
    let module = (lengths[0] + lengths[1] + lengths[3] + lengths[4]) / 4;
    let slack = module * 3 / 4;
    lengths.into_iter().zip([1, 1, 3, 1, 1]).all(|(length, modules)| length.abs_diff(modules * module) <= slack)
}

/// Disjoint sets of runs, with the number of pixels at each root.
#[derive(Default)]
struct Areas {
    parents: Vec<usize>,
    sizes: Vec<usize>,
}

impl Areas {
    fn add(&mut self, size: usize) -> usize {
        self.parents.push(self.parents.len());
        self.sizes.push(size);
        self.parents.len() - 1
    }

    fn root(&mut self, mut area: usize) -> usize {
        while self.parents[area] != area {
            self.parents[area] = self.parents[self.parents[area]];
            area = self.parents[area];
        }
        area
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        if one == other {
            return;
        }
        let (large, small) = if self.sizes[one] < self.sizes[other] { (other, one) } else { (one, other) };
        self.parents[small] = large;
        self.sizes[large] += self.sizes[small];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count_in(rows: &[&str]) -> usize {
        count(rows[0].len(), rows.len(), |x, y| rows[y].as_bytes()[x] == b'#')
    }

    #[test]
    fn a_ring_around_a_core_is_one_finder_pattern() {
        let pattern = ["#######..", "#.....#..", "#.###.#..", "#.###.#..", "#.###.#..", "#.....#..", "#######.."];
        assert_eq!(count_in(&pattern), 1);
    }

    #[test]
    fn bars_in_the_right_proportions_are_not_a_finder_pattern() {
        assert_eq!(count_in(&["#.###.#.."; 7]), 0);
    }

    #[test]
    fn a_ring_touching_its_core_is_not_a_finder_pattern() {
        let touching = ["#######..", "#..#..#..", "#.###.#..", "#.###.#..", "#.###.#..", "#.....#..", "#######.."];
        assert_eq!(count_in(&touching), 0);
    }
}
