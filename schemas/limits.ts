/** Limits on everything that comes from outside. Bytes unless the name says otherwise. */
export const LIMITS = {
  yamlMaxBytes: 1_000_000,
  yamlMaxDepth: 32,
  lockMaxBytes: 16_000_000,
  manifestMaxBytes: 256 * 1024,
  configSchemaMaxBytes: 64 * 1024,
  configSchemaMaxDepth: 16,
  artifactMaxBytes: 32 * 1024 * 1024,
  bundleMaxBytes: 1024 * 1024,
  indexFileMaxBytes: 8 * 1024 * 1024,
  indexLineMaxBytes: 64 * 1024,
  /** Lines of an index file: a line has some 700 bytes, so that more do not fit anyway. */
  indexMaxLines: 20_000,
  entryMaxBytes: 64 * 1024,
  trustedRootMaxBytes: 1024 * 1024,
  unpackedMaxBytes: 128 * 1024 * 1024,
  unpackedMaxFiles: 5_000,
  unpackedMaxRatio: 200,
  pathMaxBytes: 240,
  apiAnswerMaxBytes: 8 * 1024 * 1024,
} as const
