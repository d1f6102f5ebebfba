import { defineConfig } from 'rolldown'

/** Programs that are started by their path: the command, and what it starts beside itself. */
const programs = ['cli/main', 'cli/log-worker', 'cli/demo/probe', 'cli/demo/service']

/** They look for their binaries, or their workers, by their own place. */
const withBinaries = ['koffi', 'serialport', '@node-rs/crc32', 'pino']

/**
 * Our modules and those of packages in few files: a process that loads them one by one takes twice as long to start, and an
 * agent that is restarted has only as long as leases last.
 */
export default defineConfig({
  input: Object.fromEntries(programs.map((name) => [name, `src/${name}.ts`])),
  platform: 'node',
  external: (id) => withBinaries.some((name) => id === name || id.startsWith(`${name}/`)),
  output: {
    dir: 'dist',
    format: 'esm',
    sourcemap: true,
    cleanDir: true,
    entryFileNames: '[name].js',
    // Beside the command, because some of its modules name files by their own place.
    chunkFileNames: 'cli/[name]-[hash].js',
  },
})
