//! A gzip file of a text that is known and compressed beforehand, and of what comes before it.

/// The longest stored block of deflate.
const BLOCK: usize = 0xffff;

/// A gzip file (RFC 1952) of `head`, as it is, and of what `deflated` holds; `plain` is the
/// two together.
pub(super) fn gzip(head: &[u8], deflated: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(head.len() + deflated.len() + 64);
    // Deflate, no name, no time, an unknown system.
    file.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
    for block in head.chunks(BLOCK) {
        // A stored block that is not the last one (RFC 1951, section 3.2.4). `chunks` sees to
        // it that the length fits.
        let length = block.len() as u16;
        file.push(0);
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&(!length).to_le_bytes());
        file.extend_from_slice(block);
    }
    file.extend_from_slice(deflated);
    file.extend_from_slice(&crc32(plain).to_le_bytes());
    // The format wants the length modulo 2^32.
    file.extend_from_slice(&(plain.len() as u32).to_le_bytes());
    file
}

/// The CRC-32 of ISO 3309, as gzip has it.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    !bytes.iter().fold(!0, |crc: u32, byte| {
        TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ (crc >> 8)
    })
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                0xedb8_8320 ^ (value >> 1)
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}
