import { armor, Decrypter, Encrypter } from 'age-encryption'
import { expect, test } from 'vitest'
import { newSigner, openKeys, publicKeyFrom, publicText, sealKeys } from '../../../catalog/tuf/key-file.ts'
import { keyIdOf } from '../../../catalog/tuf/metadata.ts'
import { refusal } from '../../registry/refusal.ts'

/* A little work for scrypt: what is tested is the file, not how long guessing takes. */
const WORK = 10

test('keys come back as they were, and sign as they did', async () => {
  const [anna, bela] = [newSigner('anna'), newSigner('bela')]
  const text = await sealKeys([{ name: 'anna', pem: anna.pem }, { name: 'bela', pem: bela.pem }], 'correct horse', WORK)
  const opened = await openKeys(text, 'correct horse', 'keys.age')
  expect(opened.map(({ key, keyid }) => [key, keyid])).toEqual([anna, bela].map(({ key, keyid }) => [key, keyid]))
  expect(opened[0]?.sign(Buffer.from('x'))).toEqual(anna.sign(Buffer.from('x')))
  expect(text).not.toContain(anna.pem.split('\n')[1])
})

test('age itself reads our files, and we read those of age', async () => {
  const signer = newSigner('anna')
  const text = await sealKeys([{ name: 'anna', pem: signer.pem }], 'correct horse', WORK)
  const age = new Decrypter()
  age.addPassphrase('correct horse')
  const inside = await age.decrypt(armor.decode(text), 'text')
  expect(JSON.parse(inside)).toEqual({ v: 1, keys: [{ name: 'anna', private: signer.pem }] })
  const theirs = new Encrypter()
  theirs.setPassphrase('correct horse')
  theirs.setScryptWorkFactor(WORK)
  expect((await openKeys(armor.encode(await theirs.encrypt(inside)), 'correct horse', 'x'))[0]?.keyid).toBe(signer.keyid)
})

test('another passphrase, a file that was changed, a short passphrase and work without end are refused', async () => {
  const text = await sealKeys([{ name: 'a', pem: newSigner('a').pem }], 'correct horse', WORK)
  await refusal(() => openKeys(text, 'wrong horse', 'keys.age'), 'KEY_INVALID')
  const changed = Buffer.from(armor.decode(text))
  changed[changed.length - 5] = (changed.at(-5) ?? 0) ^ 1
  await refusal(() => openKeys(armor.encode(changed), 'correct horse', 'keys.age'), 'KEY_INVALID')
  await refusal(() => openKeys('no key file', 'correct horse', 'keys.age'), 'KEY_INVALID')
  await refusal(() => sealKeys([], 'short', WORK), 'KEY_INVALID')
  const endless = Buffer.from(armor.decode(text)).toString('latin1').replace(/(-> scrypt \S+) 10/, '$1 40')
  await refusal(() => openKeys(armor.encode(Buffer.from(endless, 'latin1')), 'correct horse', 'keys.age'), 'KEY_INVALID')
})

test('a public key is told as text, and only as that', async () => {
  const { key, keyid } = newSigner('anna')
  expect(keyIdOf(publicKeyFrom(publicText(key)))).toBe(keyid)
  for (const text of ['', 'anna', 'anna:', `Anna:${'0'.repeat(64)}`, `anna:${'0'.repeat(63)}`, `anna:${'g'.repeat(64)}`, `\u001b[31m:${'0'.repeat(64)}`]) await refusal(() => publicKeyFrom(text), 'KEY_INVALID')
})
