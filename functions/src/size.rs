//! Sizes as people read them.

const UNITS: [(&str, u64); 3] = [("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)];

/// A number of bytes as file managers and our web app show it: `71.6 MB`, `24 KB`, `512 bytes`. A KB has 1,024 bytes.
///
/// Rounded up to tenths, so that a size just over a limit never reads as the limit itself.
pub fn readable_size(bytes: u64) -> String {
    let Some((unit, size)) = UNITS.iter().find(|(_, size)| bytes >= *size) else {
        return format!("{bytes} bytes");
    };
    let tenths = (u128::from(bytes) * 10).div_ceil(u128::from(*size));
    match tenths % 10 {
        0 => format!("{} {unit}", tenths / 10),
        tenth => format!("{}.{tenth} {unit}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_in_the_largest_unit_that_fits() {
        let sizes = [0, 512, 24 << 10, 1_536, 75_039_174, 15 << 20, 3 << 30];
        let read = ["0 bytes", "512 bytes", "24 KB", "1.5 KB", "71.6 MB", "15 MB", "3 GB"];
        assert_eq!(sizes.map(readable_size), read);
    }

    #[test]
    fn a_size_just_over_a_limit_is_not_rounded_down_to_it() {
        assert_eq!(readable_size((15 << 20) + 1), "15.1 MB");
        assert_eq!(readable_size(u64::MAX), "17179869184 GB");
    }
}
