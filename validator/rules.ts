import type { Rule } from './rule.ts'
import { dynamicCode } from './rules/dynamic-code.ts'
import { environment } from './rules/environment.ts'
import { hostUndeclared } from './rules/host-undeclared.ts'
import { importComputed } from './rules/import-computed.ts'
import { importForbidden } from './rules/import-forbidden.ts'
import { importMissing } from './rules/import-missing.ts'
import { importUnbundled } from './rules/import-unbundled.ts'
import { installScript } from './rules/install-script.ts'
import { licenceMissing } from './rules/licence-missing.ts'
import { link } from './rules/link.ts'
import { mainMissing } from './rules/main-missing.ts'
import { migrationFiles } from './rules/migration-files.ts'
import { misleadingText } from './rules/misleading-text.ts'
import { nativeBinary } from './rules/native-binary.ts'
import { needlessFile } from './rules/needless-file.ts'
import { obfuscated } from './rules/obfuscated.ts'
import { packageJson } from './rules/package-json.ts'
import { runtimeEscape } from './rules/runtime-escape.ts'
import { secret } from './rules/secret.ts'
import { sizeLimit } from './rules/size-limit.ts'
import { unparsable } from './rules/unparsable.ts'
import { wasm } from './rules/wasm.ts'

/** Raised whenever a rule is added, removed, or finds more or less than before: findings are remembered by it. */
export const RULES_VERSION = 1

/** Every rule. lock, PDK, CI and registry all run exactly these. */
export const RULES: readonly Rule[] = [
  installScript,
  nativeBinary,
  wasm,
  link,
  mainMissing,
  unparsable,
  importForbidden,
  importUnbundled,
  importMissing,
  importComputed,
  dynamicCode,
  runtimeEscape,
  environment,
  hostUndeclared,
  secret,
  misleadingText,
  obfuscated,
  sizeLimit,
  packageJson,
  migrationFiles,
  licenceMissing,
  needlessFile,
]
