import { copyFileSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustRun, runCommand } from './run-command.ts';
import { SuiteSkipped } from './suite.ts';

/** A file system of its own for one suite. @throws SuiteSkipped where it cannot be mounted: that needs root */
export class ScratchMount {
  /** Where it is mounted. */
  readonly path: string;
  readonly #directory: string;
  #image: string | undefined;
  #generation = 0;

  private constructor(directory: string, image: string | undefined) {
    this.#directory = directory;
    this.path = join(directory, 'mount');
    this.#image = image;
    mkdirSync(this.path);
  }

  /** In memory, with room for `mib` MiB. */
  static async memory(mib: number): Promise<ScratchMount> {
    const mount = new ScratchMount(mkdtempSync(join(tmpdir(), 'tessera-mount-')), undefined);
    await mount.#mount(['-t', 'tmpfs', '-o', `size=${mib}m`, 'tessera', mount.path]);
    return mount;
  }

  /** ext4 in a file of `mib` MiB, which can be taken away as by a power failure. */
  static async image(mib: number): Promise<ScratchMount> {
    const directory = mkdtempSync(join(tmpdir(), 'tessera-mount-'));
    const image = join(directory, 'image-0');
    writeFileSync(image, '');
    truncateSync(image, mib << 20);
    const made = await runCommand('mkfs.ext4', ['-q', '-F', image]).catch((error: Error) => ({
      code: -1,
      stderr: error.message,
    }));
    if (made.code !== 0) {
      rmSync(directory, { recursive: true, force: true });
      throw new SuiteSkipped(`no ext4 image: ${made.stderr.trim()}`);
    }
    const mount = new ScratchMount(directory, image);
    await mount.#mount(['-o', 'loop', image, mount.path]);
    return mount;
  }

  /** Mounts again with other options, e.g. `size=256m` or `ro`. */
  async remount(options: string): Promise<void> {
    await mustRun('mount', ['-o', `remount,${options}`, this.path]);
  }

  /** Keeps a copy of what is on the device now, without what the kernel has not written to it. */
  copyImage(): void {
    copyFileSync(this.#image!, join(this.#directory, `image-${++this.#generation}`));
  }

  /** Takes the file system away and mounts the copy: what a machine finds after its power failed at the time of the copy. */
  async goOnFromCopy(): Promise<void> {
    await mustRun('umount', [this.path]);
    rmSync(this.#image!);
    this.#image = join(this.#directory, `image-${this.#generation}`);
    await mustRun('mount', ['-o', 'loop', this.#image, this.path]);
  }

  async remove(): Promise<void> {
    await mustRun('umount', [this.path]);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #mount(args: readonly string[]): Promise<void> {
    const result = await runCommand('mount', args).catch((error: Error) => ({ code: -1, stderr: error.message }));
    if (result.code === 0) return;
    rmSync(this.#directory, { recursive: true, force: true });
    throw new SuiteSkipped(`mount ${args.join(' ')}: ${result.stderr.trim()}`);
  }
}
