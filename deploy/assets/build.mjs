// Puts the browser's part of the desk into services/desk/dist, from where it is
// embedded in the binary: the precompiled styles and scripts of govuk-frontend
// and the Ministry of Justice's patterns, less what is not ours to show. The
// typeface and the crest belong to GOV.UK and the Crown, and this service is
// neither.
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const dist = join(here, "..", "..", "services", "desk", "dist");
const govuk = join(modules, "govuk-frontend", "dist", "govuk");
const moj = join(modules, "@ministryofjustice", "frontend", "moj");

const notOurs = /crest|crown|logotype|opengraph|apple-touch|govuk-icon|favicon/;

// Take out the typeface and the crest, and point to images beside the styles,
// wherever those are served.
function neutral(css) {
  return css
    .replace(/@font-face\s*{[^}]*}/g, "")
    .replace(/"?GDS Transport"?\s*,\s*/g, "")
    .replace(/url\(["']?\/assets\/(images\/[^"')]*)["']?\)/g, (_, image) =>
      notOurs.test(image) ? "none" : `url(${image})`)
    .replace(/\/\*# sourceMappingURL=.*?\*\/\s*$/, "");
}

const script = (js) => js.replace(/\/\/# sourceMappingURL=.*\s*$/, "");

await mkdir(dist, { recursive: true });
for (const old of await readdir(dist)) {
  if (old !== ".gitignore") await rm(join(dist, old), { recursive: true });
}

for (const [from, rewrite] of [
  [join(govuk, "govuk-frontend.min.css"), neutral],
  [join(moj, "moj-frontend.min.css"), neutral],
  [join(govuk, "govuk-frontend.min.js"), script],
  [join(moj, "moj-frontend.min.js"), script],
]) {
  const out = rewrite(await readFile(from, "utf8"));
  for (const forbidden of ["GDS Transport", "@font-face", "crest.svg", "/assets/"]) {
    if (from.endsWith(".css") && out.includes(forbidden)) throw new Error(`${from} still has ${forbidden}`);
  }
  await writeFile(join(dist, from.slice(dirname(from).length + 1)), out);
}

await mkdir(join(dist, "images"));
for (const image of await readdir(join(moj, "assets", "images"))) {
  if (image.endsWith(".svg") && !notOurs.test(image)) {
    await cp(join(moj, "assets", "images", image), join(dist, "images", image));
  }
}

const versions = await Promise.all([govuk + "/../..", moj + "/.."].map(async (dir) =>
  JSON.parse(await readFile(join(dir, "package.json"), "utf8"))));
await writeFile(join(dist, "NOTICE.txt"), versions.map((p) =>
  `${p.name} ${p.version}, Crown copyright, under the ${p.license} licence; without its typeface and crests.\n`).join(""));
console.log(`browser assets are in ${dist}`);
