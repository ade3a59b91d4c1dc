"""A small linker: an LLVM BPF object file in, an SBPF v0 shared object for Solana's loader out.

It emits what the loader's lenient v0 parser wants (solana-sbpf `src/elf.rs`): ET_DYN for machine 247, one `.text` whose
address equals its offset, merged read-only data, no writable sections, and system calls left as `call -1` with a
dynamic relocation against an undefined symbol, whose name the loader hashes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

PROGRAM_START = 0x1_0000_0000
MACHINE_SBF = 247
TEXT_ADDRESS = 64
R_BPF_64_64 = 1
R_BPF_64_ABS64 = 2
R_BPF_64_32 = 10
SECTION_PROGBITS, SECTION_SYMTAB, SECTION_STRTAB, SECTION_DYNAMIC, SECTION_REL, SECTION_DYNSYM = 1, 2, 3, 6, 9, 11
FLAG_ALLOCATED = 2
SYMBOL_SECTION = 3
UNDEFINED = 0
DT_STRTAB, DT_SYMTAB, DT_REL, DT_RELSZ, DT_RELENT = 5, 6, 17, 18, 19
# libc calls that the back end emits by itself; the system calls take the same arguments.
LIBC_SYSCALLS = {"memcpy": "sol_memcpy_", "memset": "sol_memset_", "memmove": "sol_memmove_"}


class LinkError(Exception):
    """The object file holds something that the loader would not take."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section header of the object file."""

    name: str
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol of the object file; `section` 0 means that it is defined elsewhere."""

    name: str
    kind: int
    section: int
    value: int


def _text_at(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\x00", offset)].decode()


def _read_sections(obj: bytes) -> list[Section]:
    (table,) = struct.unpack_from("<Q", obj, 40)
    entry_size, count, names_index = struct.unpack_from("<HHH", obj, 58)
    headers = [struct.unpack_from("<IIQQQQIIQQ", obj, table + index * entry_size) for index in range(count)]
    names = headers[names_index][4]
    return [Section(_text_at(obj, names + h[0]), h[1], h[2], h[4], h[5], h[6], h[7], max(h[8], 1)) for h in headers]


def _read_symbols(obj: bytes, sections: list[Section]) -> list[Symbol]:
    table = next(section for section in sections if section.kind == SECTION_SYMTAB)
    strings = sections[table.link].offset
    symbols = []
    for offset in range(table.offset, table.offset + table.size, 24):
        name, info, _, section, value, _ = struct.unpack_from("<IBBHQQ", obj, offset)
        symbols.append(Symbol(_text_at(obj, strings + name), info & 15, section, value))
    return symbols


class _Image:
    """The code and read-only data of the output, with the place of each input section in it."""

    def __init__(self, obj: bytes, sections: list[Section]) -> None:
        self.text_index = next(index for index, section in enumerate(sections) if section.name == ".text")
        text = sections[self.text_index]
        self.text = bytearray(obj[text.offset : text.offset + text.size])
        self.data_address = (TEXT_ADDRESS + len(self.text) + 15) & ~15
        self.data = bytearray()
        self.place = {self.text_index: TEXT_ADDRESS}
        for index, section in enumerate(sections):
            if index == self.text_index or not section.flags & FLAG_ALLOCATED or not section.size:
                continue
            if section.kind == SECTION_PROGBITS and section.name.startswith((".rodata", ".data.rel.ro")):
                self.data += bytes(-(self.data_address + len(self.data)) % section.alignment)
                self.place[index] = self.data_address + len(self.data)
                self.data += obj[section.offset : section.offset + section.size]
            elif section.name != ".eh_frame":
                raise LinkError(f"section {section.name}: the loader allows no writable globals")
        self.data += bytes(-len(self.data) % 8)

    def buffer_of(self, section: int) -> tuple[bytearray, int]:
        """The buffer that holds an input section, and where the section starts in it."""
        if section == self.text_index:
            return self.text, 0
        return self.data, self.place[section] - self.data_address


def _relocate(obj: bytes, sections: list[Section], symbols: list[Symbol], image: _Image) -> list[tuple[int, str]]:
    """Apply every relocation that can be applied now; returns the system calls as (address, name)."""
    syscalls: list[tuple[int, str]] = []
    for section in sections:
        if section.kind != SECTION_REL or section.info not in image.place:
            continue
        buffer, start = image.buffer_of(section.info)
        for entry in range(section.offset, section.offset + section.size, 16):
            offset, info = struct.unpack_from("<QQ", obj, entry)
            symbol, kind, at = symbols[info >> 32], info & 0xFFFFFFFF, start + offset
            if kind == R_BPF_64_64:
                (addend,) = struct.unpack_from("<i", buffer, at + 4)
                address = PROGRAM_START + image.place[symbol.section] + symbol.value + addend
                struct.pack_into("<I", buffer, at + 4, address & 0xFFFFFFFF)
                struct.pack_into("<I", buffer, at + 12, address >> 32)
            elif kind == R_BPF_64_ABS64:
                (addend,) = struct.unpack_from("<q", buffer, at)
                struct.pack_into("<Q", buffer, at, PROGRAM_START + image.place[symbol.section] + symbol.value + addend)
            elif kind == R_BPF_64_32 and symbol.section == UNDEFINED:
                struct.pack_into("<i", buffer, at + 4, -1)
                syscalls.append((TEXT_ADDRESS + offset, LIBC_SYSCALLS.get(symbol.name, symbol.name)))
            elif kind == R_BPF_64_32:
                (addend,) = struct.unpack_from("<i", buffer, at + 4)
                target = symbol.value + (addend + 1) * 8 if symbol.kind == SYMBOL_SECTION else symbol.value
                struct.pack_into("<i", buffer, at + 4, (target - (offset + 8)) // 8)
            else:
                raise LinkError(f"relocation {kind} in {sections[section.info].name} is not known")
    return syscalls


def link(obj: bytes, entry: str = "entrypoint") -> bytes:
    """The shared object for an object file; raises LinkError when the loader would not take it."""
    sections = _read_sections(obj)
    symbols = _read_symbols(obj, sections)
    image = _Image(obj, sections)
    syscalls = _relocate(obj, sections, symbols, image)
    start = next(one.value for one in symbols if one.name == entry and one.section == image.text_index)
    return _emit(image, syscalls, start)


def _emit(image: _Image, syscalls: list[tuple[int, str]], start: int) -> bytes:
    names = list(dict.fromkeys(name for _, name in syscalls))
    strings, dynamic_symbols = b"\x00", bytes(24)
    for name in names:
        dynamic_symbols += struct.pack("<IBBHQQ", len(strings), 0x10, 0, 0, 0, 0)
        strings += name.encode() + b"\x00"
    relocations = b"".join(
        struct.pack("<QQ", address, ((names.index(name) + 1) << 32) | R_BPF_64_32) for address, name in syscalls
    )
    out = bytearray(TEXT_ADDRESS) + image.text
    out += bytes(image.data_address - len(out)) + image.data if image.data else b""
    out += bytes(-len(out) % 8)
    dynamic_at = len(out)
    symbols_at = dynamic_at + 16 * 6
    strings_at = symbols_at + len(dynamic_symbols)
    relocations_at = (strings_at + len(strings) + 7) & ~7
    dynamic = (
        (DT_SYMTAB, symbols_at),
        (DT_RELENT, 16),
        (DT_STRTAB, strings_at),
        (DT_REL, relocations_at),
        (DT_RELSZ, len(relocations)),
        (0, 0),
    )
    out += b"".join(struct.pack("<QQ", tag, value) for tag, value in dynamic)
    out += dynamic_symbols + strings
    out += bytes(relocations_at - len(out)) + relocations
    rows: list[tuple[str, tuple[int, ...]]] = [
        (".text", (SECTION_PROGBITS, 6, TEXT_ADDRESS, len(image.text), 0, 0, 8, 0)),
        (".rodata", (SECTION_PROGBITS, 2, image.data_address, len(image.data), 0, 0, 8, 0)),
        (".dynamic", (SECTION_DYNAMIC, 3, dynamic_at, 96, 5, 0, 8, 16)),
        (".dynsym", (SECTION_DYNSYM, 2, symbols_at, len(dynamic_symbols), 5, 1, 8, 24)),
        (".dynstr", (SECTION_STRTAB, 2, strings_at, len(strings), 0, 0, 1, 0)),
        (".rel.dyn", (SECTION_REL, 2, relocations_at, len(relocations), 4, 0, 8, 16)),
    ]
    return _with_headers(out, rows, TEXT_ADDRESS + start)


def _with_headers(out: bytearray, rows: list[tuple[str, tuple[int, ...]]], entry: int) -> bytes:
    """Append section names and headers, and fill in the ELF header."""
    names = b"\x00"
    headers = [bytes(64)]
    for name, (kind, flags, at, size, link_to, info, alignment, entry_size) in rows:
        headers.append(
            struct.pack("<IIQQQQIIQQ", len(names), kind, flags, at, at, size, link_to, info, alignment, entry_size)
        )
        names += name.encode() + b"\x00"
    own_name = len(names)
    names += b".shstrtab\x00"
    headers.append(struct.pack("<IIQQQQIIQQ", own_name, SECTION_STRTAB, 0, 0, len(out), len(names), 0, 0, 1, 0))
    out += names
    out += bytes(-len(out) % 8)
    table = len(out)
    out += b"".join(headers)
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    fields = (3, MACHINE_SBF, 1, entry, 64, table, 0, 64, 56, 0, 64, len(headers), len(headers) - 1)
    struct.pack_into("<16sHHIQQQIHHHHHH", out, 0, identity, *fields)
    return bytes(out)
