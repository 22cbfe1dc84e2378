"use strict";
// What a Windows program or DLL says of itself, read from its bytes. Whatever lies outside of the file ends
// the reading with a RangeError.

const LARGEST = 64 * 1024 * 1024;
const MOST_IMPORTS = 1000;
const LONGEST_NAME = 256;

class Image {
  constructor(buffer) {
    this.view = new DataView(buffer);
    const header = this.u32(60);
    if (this.u16(0) !== 0x5a4d || this.u32(header) !== 0x4550) throw new RangeError("no Windows program");
    this.machine = this.u16(header + 4);
    const optional = header + 24;
    const wide = this.u16(optional) === 0x20b;
    this.linker = [this.view.getUint8(optional + 2), this.view.getUint8(optional + 3)];
    this.directories = optional + (wide ? 112 : 96);
    this.counted = this.u32(this.directories - 4);
    this.sections = [];
    const first = optional + this.u16(header + 20);
    for (let number = 0; number !== this.u16(header + 6); number += 1) {
      const at = first + 40 * number;
      const [virtualSize, address, size, place] = [8, 12, 16, 20].map((field) => this.u32(at + field));
      this.sections.push({ address, length: Math.max(virtualSize, size), place });
    }
  }

  u16(at) {
    return this.view.getUint16(at, true);
  }

  u32(at) {
    return this.view.getUint32(at, true);
  }

  // Where the table of this number lies in the file; null without one.
  directory(number) {
    const address = number >= this.counted ? 0 : this.u32(this.directories + 8 * number);
    return address === 0 ? null : this.place(address);
  }

  place(address) {
    const inside = (section) => address >= section.address && section.length > address - section.address;
    const section = this.sections.find(inside);
    if (!section) throw new RangeError("an address outside of every section");
    return section.place + (address - section.address);
  }

  name(address) {
    let text = "";
    for (let at = this.place(address); text.length !== LONGEST_NAME; at += 1) {
      const byte = this.view.getUint8(at);
      if (byte === 0) return text;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  // The DLLs that it needs, in lower case.
  imports() {
    const table = this.directory(1);
    const names = [];
    if (table === null) return names;
    for (let at = table; names.length !== MOST_IMPORTS; at += 20) {
      const address = this.u32(at + 12);
      if (address === 0) break;
      names.push(this.name(address).toLowerCase());
    }
    return names;
  }

  // Its own name, whatever the file is called.
  ownName() {
    const table = this.directory(0);
    return table === null ? "" : this.name(this.u32(table + 12)).toLowerCase();
  }

  // The version that Explorer shows: four numbers, or null.
  version() {
    const root = this.directory(2);
    if (root === null) return null;
    let at = root;
    // Type, name, language: the first of each, but for the type, which is 16 of versions.
    for (let level = 0; level !== 3; level += 1) {
      const entry = this.entry(at, level === 0 ? 16 : null);
      if (entry === null) return null;
      at = root + (entry & 0x7fffffff);
    }
    const start = this.place(this.u32(at));
    const end = start + Math.min(this.u32(at + 4), 65536);
    for (let place = start; end - 16 >= place; place += 4) {
      if (this.u32(place) === 0xfeef04bd) {
        const [high, low] = [this.u32(place + 8), this.u32(place + 12)];
        return [high >>> 16, high & 0xffff, low >>> 16, low & 0xffff];
      }
    }
    return null;
  }

  entry(folder, wanted) {
    const count = this.u16(folder + 12) + this.u16(folder + 14);
    for (let number = 0; number !== Math.min(count, 4096); number += 1) {
      const at = folder + 16 + 8 * number;
      if (wanted === null || this.u32(at) === wanted) return this.u32(at + 4);
    }
    return null;
  }
}

