// Writes the contract as a reference page, one HTML file that needs nothing beside itself: node tools/reference.mjs OUT.html
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
// The edition for OpenAPI 3.0: Swagger UI resolves the references of 3.1 against the page's address, which a file has not.
const spec = parse(readFileSync(join(root, 'api', 'openapi-3.0.yaml'), 'utf8'));
const { title, version } = spec.info;
// Within a script element only its own end can do harm.
const inline = (text) => text.replace(/<\/(?=script)/gi, '<\\/');

writeFileSync(process.argv[2], `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} ${version}</title>
<link rel="icon" href="data:,">
<style>${readFileSync(join(dist, 'swagger-ui.css'), 'utf8')}</style>
</head>
<body>
<div id="reference"></div>
<script>${inline(readFileSync(join(dist, 'swagger-ui-bundle.js'), 'utf8'))}</script>
<script>
SwaggerUIBundle({
  dom_id: '#reference', spec: ${inline(JSON.stringify(spec))}, docExpansion: 'full', defaultModelsExpandDepth: 3, showExtensions: true,
  supportedSubmitMethods: [], validatorUrl: null,
});
</script>
</body>
</html>
`);
