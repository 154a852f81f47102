"""H.264 whose frames come as two pictures, one a field each (PAFF), which no encoder at hand makes: blocks of plain samples, and such that are copied
from other pictures, so that nothing has to be transformed."""
import re


def number(value):
    """In Exp-Golomb code."""
    bits = f"{value + 1:b}"
    return "0" * (len(bits) - 1) + bits


def packed(bits):
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def unit(head, payload):
    return b"\0\0\0\1" + bytes([head]) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", payload)


def parameter_sets(width, height):
    """Main profile; numbers and orders of 8 bits, four pictures to refer to, 25 frames a second, none held back."""
    size = number(width // 16 - 1) + number(height // 32 - 1)
    timing = "1" + f"{1:032b}{50:032b}" + "1"
    bounds = "11" + "".join(map(number, (0, 0, 9, 9, 0, 4)))
    sequence = f"{77:08b}{0:08b}{30:08b}" + number(0) + number(4) + number(0) + number(4) + number(4) + "0" + size + "0010" + "1" + "0000" + timing + "000" + bounds
    picture = number(0) * 2 + "00" + number(0) * 3 + "000" + number(0) * 3 + "100"
    return unit(0x67, packed(sequence + "1")) + unit(0x68, packed(picture + "1"))


def picture(kind, planes, count, order, alone=False, lower=None, copied=lambda block: False):
    """`kind`: I or P; `planes`: rows of luma and both of chroma, of a frame or of one field (`lower` or not); `copied`: which blocks say nothing of themselves."""
    bits = number(0) + number({"P": 0, "I": 2}[kind]) + number(0) + f"{count % 256:08b}" + ("0" if lower is None else f"1{lower:b}")
    bits += (number(0) if alone else "") + f"{order % 256:08b}" + {"I": "", "P": "00"}[kind] + ("00" if alone else "0")
    bits += number(0) + number(1)
    payload, skipped, columns = b"", 0, len(planes[0][0]) // 16
    for block in range(columns * len(planes[0]) // 16):
        if kind != "I" and copied(block):
            skipped += 1
            continue
        bits += number(skipped) if kind != "I" else ""
        x, y = block % columns, block // columns
        payload += packed(bits + number({"I": 25, "P": 30}[kind]))
        payload += b"".join(row[x * edge:x * edge + edge] for plane, edge in zip(planes, (16, 8, 8)) for row in plane[y * edge:y * edge + edge])
        bits, skipped = "", 0
    payload += packed(bits + (number(skipped) if skipped else "") + "1")
    return unit(0x65 if alone else 0x41, payload)


def film(raw, width, height, group):
    """The frames `raw` (4:2:0, one after the other): each third one as a frame, the others as two fields."""
    def planes(at):
        for start, columns, lines in ((0, width, height), (width * height, width // 2, height // 2), (width * height * 5 // 4, width // 2, height // 2)):
            yield [raw[at + start + row * columns:][:columns] for row in range(lines)]

    out = b""
    for at in range(len(raw) // (width * height * 3 // 2)):
        frame, count = list(planes(at * width * height * 3 // 2)), at % group
        field = lambda lower: [plane[lower::2] for plane in frame]
        kind, alone = ("I", True) if count == 0 else ("P", False)
        out += b"\0\0\0\1\x09\xf0" + (parameter_sets(width, height) if alone else b"")
        if count % 3 == 2:
            out += picture(kind, frame, count, 2 * count, alone, None, lambda block: block % 3 == 1)
        else:
            out += picture(kind, field(0), count, 2 * count, alone, 0, lambda block: block % 3 == 1)
            out += picture("P", field(1), count, 2 * count + 1, False, 1, lambda block: block % 5 == 2)
    return out
