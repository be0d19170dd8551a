#!/usr/bin/env python3
"""embed.py - writes files as C arrays, for pages that are in the program itself.

  embed.py OUTPUT FILE...

Each FILE, as a.css, becomes page_a_css[] and page_a_css_size."""

import pathlib
import re
import sys


def main():
    output, *files = map(pathlib.Path, sys.argv[1:])
    parts = ['#include "http/page_data.h"\n']
    for file in files:
        name = "page_" + re.sub(r"\W", "_", file.name)
        data = file.read_bytes()
        rows = (", ".join(str(byte) for byte in data[i:i + 20]) for i in range(0, len(data), 20))
        parts.append(f"const unsigned char {name}[] = {{\n" + ",\n".join(rows) + "\n};\n"
                     f"const size_t {name}_size = {len(data)};\n")
    output.write_text("\n".join(parts))


main()
