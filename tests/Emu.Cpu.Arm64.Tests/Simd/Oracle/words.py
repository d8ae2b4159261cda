# Chooses the instruction words of vectors.txt: fills the fields of every AdvSIMD decode row. See oracle.c for how it is run.
import glob
import os
import random
import re

HERE = os.path.dirname(os.path.abspath(__file__))
TRANSLATE = os.path.join(HERE, "../../../../cpu/Emu.Cpu.Arm64/Translate")
PER_ROW = 36
FILES = ["Simd*.cs", "Crypto*.cs", "LoadsStoresSimd*.cs"]


def rows():
    for pattern in FILES:
        for path in sorted(glob.glob(os.path.join(TRANSLATE, pattern))):
            for name, bits in re.findall(r'new\("([^"]+)", "([01a-z]{32})"', open(path).read()):
                yield name, bits


def register(kind, name, rng, memory):
    """Registers that hold addresses or must stay intact on the reference side are chosen, others are free."""
    if memory:
        if kind == "n":
            return rng.choice([1, 2])
        if kind == "m":
            return rng.choice([31, 3, 4, 9])
        return rng.choice([0, 7, 29, 30, 31, rng.randrange(32)])
    general = (kind == "n" and name in ("DUP (general)", "INS (general)")) or (kind == "d" and name in ("SMOV", "UMOV"))
    return rng.choice([*range(3, 16), 31]) if general else rng.randrange(32)


def word(name, bits, rng, memory, alias):
    fields = {k: bits.count(k) for k in set(bits) - {"0", "1"}}
    values = {}
    for k in sorted(fields):
        if fields[k] == 5 and k in "ndmat":
            values[k] = register(k, name, rng, memory)
        else:
            values[k] = rng.randrange(1 << fields[k])
    if alias and not memory and name not in ("DUP (general)", "INS (general)", "SMOV", "UMOV"):
        # The destination is a source as well.
        values["d"] = values[rng.choice([k for k in "nm" if k in values])] if "n" in values else values.get("d", 0)
    result = 0
    left = dict(fields)
    for c in bits:
        if c in "01":
            result = result << 1 | int(c)
        else:
            left[c] -= 1
            result = result << 1 | (values[c] >> left[c] & 1)
    return result


def main():
    seen = set()
    print("# Made by words.py and oracle.c with Debian's qemu-aarch64-static 7.2.22, -cpu max; regenerate when rows change.")
    for name, bits in rows():
        rng = random.Random(name + bits)
        memory = name.startswith(("LD", "ST"))
        print("# " + name)
        free = sum(c not in "01" for c in bits)
        count = PER_ROW * 3 if "h" in bits or "i" in bits or "c" in bits else PER_ROW
        for i in range(min(count, 1 << free)):
            w = word(name, bits, rng, memory, i % 3 == 2)
            if w not in seen:
                seen.add(w)
                print("%08x" % w)


main()
