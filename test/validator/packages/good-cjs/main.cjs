'use strict'
const { createHash } = require('node:crypto')
const { add } = require('./sums')
const rates = require('./rates')

function each(list, work) {
  for (let i = 0; i < arguments.length; i++) work(list[i])
}

if (require.main === module) each([], add)
module.exports.createPlugin = () => ({ health: async () => ({ ok: typeof require === 'function' && rates.length > 0 }), id: createHash('sha256').update('x').digest('hex') })
