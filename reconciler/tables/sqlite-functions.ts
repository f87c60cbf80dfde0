/*
 * SQLite's functions that a migration may call: pure ones, the clock, and random(). Not those that load code, look at the
 * machine or the library, or keep state of modules. How long a value may become is a limit of the connection.
 */

const TEXT = 'char concat concat_ws format glob hex instr length like lower ltrim octet_length printf quote replace rtrim soundex substr substring trim typeof unhex unicode unistr unistr_quote upper'
const NUMBERS = 'abs acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 max min mod pi pow power radians random round sign sin sinh sqrt tan tanh trunc'
const CHOICES = 'coalesce if ifnull iif likelihood likely nullif unlikely'
const TIMES = 'current_date current_time current_timestamp date datetime julianday strftime time timediff unixepoch'
const GROUPS = 'avg count group_concat median percentile percentile_cont percentile_disc string_agg sum total'
const WINDOWS = 'cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number'
const JSON_WORDS = 'array array_insert array_length error_position extract group_array group_object insert object patch pretty quote remove replace set type valid'
const JSONB_WORDS = 'array array_insert extract group_array group_object insert object patch remove replace set'

const words = (text: string, prefix = ''): readonly string[] => text.split(' ').map((word) => prefix + word)

/** As SQLite names them to the authorizer. */
export const FUNCTIONS: ReadonlySet<string> = new Set([
  ...words([TEXT, NUMBERS, CHOICES, TIMES, GROUPS, WINDOWS].join(' ')),
  ...words(JSON_WORDS, 'json_'),
  ...words(JSONB_WORDS, 'jsonb_'),
  ...words('json jsonb -> ->> changes last_insert_rowid subtype randomblob zeroblob'),
])

/** Functions that stand where a table does. */
export const TABLE_FUNCTIONS: ReadonlySet<string> = new Set(['json_each', 'json_tree', 'jsonb_each', 'jsonb_tree'])
