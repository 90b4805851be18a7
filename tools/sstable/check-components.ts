import { crc32 } from 'node:zlib';
import { TesseraError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import { decodeCrc } from '../../sstable/format/crc.ts';
import { decodeDigest } from '../../sstable/format/digest.ts';
import { Component, joinPath, splitPath, TOC_STAGED } from '../../sstable/format/names.ts';
import { decodeTessera } from '../../sstable/format/tessera.ts';
import { decodeToc } from '../../sstable/format/toc.ts';
import { scyllaDigests } from './scylla-component.ts';
import type { ValidationReport } from './validation-report.ts';
import { checksumOf, eachPiece, type FileChecksum, readWhole } from './whole-file.ts';

const SCYLLA_COMPONENT = 'Scylla.db';
/** Components that readers do without. Tessera.db asks for them in files of our own. */
const DISPENSABLE: readonly string[] = [
  Component.Summary,
  Component.Filter,
  Component.Crc,
  Component.Digest,
  SCYLLA_COMPONENT,
];

/** Checks an SSTable's files as files: which are there, and every checksum of them that anything keeps. */
export class ComponentCheck {
  readonly #files: Files;
  readonly #report: ValidationReport;
  readonly #directory: string;
  readonly #prefix: string;
  readonly #checksums: Map<string, FileChecksum> = new Map();

  /** @param prefix what the names of all components begin with */
  constructor(files: Files, dataPath: string, prefix: string, report: ValidationReport) {
    this.#files = files;
    this.#report = report;
    this.#directory = splitPath(dataPath).directory;
    this.#prefix = prefix;
  }

  run(): void {
    const steps = [this.#checkToc, this.#checkTessera, this.#checkDigest, this.#checkChunkChecksums, this.#checkScylla];
    for (const step of steps) {
      try {
        step.call(this);
      } catch (error) {
        if (!(error instanceof TesseraError)) throw error;
        this.#report.failure(error);
      }
    }
  }

  #path(component: string): string {
    return joinPath(this.#directory, `${this.#prefix}-${component}`);
  }

  #isThere(component: string): boolean {
    return this.#files.status(this.#path(component)) !== undefined;
  }

  #checksum(component: string): FileChecksum {
    let checksum = this.#checksums.get(component);
    if (checksum === undefined) {
      checksum = checksumOf(this.#files, this.#path(component));
      this.#checksums.set(component, checksum);
    }
    return checksum;
  }

  #checkToc(): void {
    const path = this.#path(Component.Toc);
    if (!this.#isThere(Component.Toc)) {
      if (this.#isThere(TOC_STAGED)) this.#report.error(path, 0, 'not committed: the TOC has its temporary name');
      else this.#report.warningOnce('toc', path, 0, 'there is no TOC');
      return;
    }
    const listed = decodeToc(readWhole(this.#files, path), path);
    for (const component of listed) {
      if (this.#isThere(component)) continue;
      const path = this.#path(component);
      if (DISPENSABLE.includes(component)) this.#report.warningOnce(path, path, 0, 'is in the TOC but not there');
      else this.#report.error(path, 0, 'is in the TOC but not there');
    }
    const start = `${this.#prefix}-`;
    for (const name of this.#files.list(this.#directory)) {
      if (!name.startsWith(start) || listed.includes(name.slice(start.length))) continue;
      this.#report.warningOnce(`unlisted ${name}`, joinPath(this.#directory, name), 0, 'is not in the TOC');
    }
  }

  /** The checksums of our own files cover every byte of every component. */
  #checkTessera(): void {
    if (!this.#isThere(Component.Tessera)) return;
    const path = this.#path(Component.Tessera);
    const { components } = decodeTessera(readWhole(this.#files, path), path);
    for (const [component, expected] of components) {
      if (!this.#isThere(component)) {
        this.#report.error(this.#path(component), 0, 'is named by Tessera.db but not there');
        continue;
      }
      const { sizeBytes, crc } = this.#checksum(component);
      if (sizeBytes !== expected.sizeBytes) {
        const at = Math.min(sizeBytes, expected.sizeBytes);
        this.#report.error(this.#path(component), at, `${sizeBytes} bytes where Tessera.db says ${expected.sizeBytes}`);
      } else if (crc !== expected.crc) {
        this.#report.error(this.#path(component), 0, 'checksum of the component does not match Tessera.db');
      }
    }
  }

  #checkDigest(): void {
    if (!this.#isThere(Component.Digest) || !this.#isThere(Component.Data)) return;
    const path = this.#path(Component.Digest);
    const expected = decodeDigest(readWhole(this.#files, path), path);
    const { crc } = this.#checksum(Component.Data);
    if (crc !== expected) {
      this.#report.error(this.#path(Component.Data), 0, `CRC-32 is ${crc}, Digest.crc32 says ${expected}`);
    }
  }

  #checkChunkChecksums(): void {
    if (!this.#isThere(Component.Crc) || !this.#isThere(Component.Data)) return;
    if (this.#isThere(Component.CompressionInfo)) return; // its chunks carry their own
    const path = this.#path(Component.Crc);
    const dataPath = this.#path(Component.Data);
    const { sizeBytes } = this.#files.status(dataPath)!;
    const { chunkBytes, crcs } = decodeCrc(readWhole(this.#files, path), path, sizeBytes);
    eachPiece(this.#files, dataPath, chunkBytes, (piece, position) => {
      if (crc32(piece) === crcs[position / chunkBytes]) return;
      this.#report.error(dataPath, position, 'checksum of the chunk does not match CRC.db');
    });
  }

  #checkScylla(): void {
    if (!this.#isThere(SCYLLA_COMPONENT)) return;
    const path = this.#path(SCYLLA_COMPONENT);
    for (const [component, expected] of scyllaDigests(readWhole(this.#files, path), path)) {
      if (component === SCYLLA_COMPONENT || !this.#isThere(component)) continue;
      if (this.#checksum(component).crc !== expected) {
        this.#report.error(this.#path(component), 0, 'checksum of the component does not match Scylla.db');
      }
    }
  }
}
