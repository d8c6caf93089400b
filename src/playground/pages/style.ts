// The one style sheet of the playground's pages: light and calm.
export const style = `
:root { color-scheme: light; --ink: #1f2328; --dim: #59636e; --line: #d1d9e0; --soft: #f6f8fa; --blue: #0969da; --green: #1a7f37;
  --red: #cf222e; --purple: #8250df; --amber: #9a6700; --radius: 8px; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; font: 14px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; }
a { color: var(--blue); text-decoration: none; } a:hover { text-decoration: underline; }
h1, h2, h3 { font-weight: 600; line-height: 1.25; }
code, pre, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: 12.5px; }
svg.icon { width: 16px; height: 16px; vertical-align: -3px; fill: none; stroke: currentColor; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; flex: none; }
.top { background: var(--soft); border-bottom: 1px solid var(--line); }
.bar { max-width: 1160px; margin: 0 auto; padding: 0 24px; display: flex; align-items: center; gap: 12px; }
.top .bar { min-height: 56px; }
.top .crumbs { font-size: 15px; } .top .crumbs a { color: var(--ink); } .top .crumbs b a { font-weight: 600; } .top .slash { color: var(--dim); margin: 0 4px; }
.mark { flex: none; display: inline-flex; align-items: center; justify-content: center; width: 30px; height: 30px; border-radius: 50%; background: var(--ink); color: #fff; }
.note { color: var(--dim); font-size: 12px; border: 1px solid var(--line); border-radius: 2em; padding: 1px 9px; background: #fff; }
.grow { flex: 1; }
.acting { display: flex; align-items: center; gap: 8px; color: var(--dim); font-size: 13px; } .acting button.plain { display: none; } .no-script .acting button.plain { display: inline-flex; }
.tabs { border-bottom: 1px solid var(--line); background: var(--soft); } .tabs .bar { gap: 4px; }
.tabs a, .subtabs a { display: inline-flex; gap: 8px; align-items: center; padding: 8px 12px 10px; color: var(--ink); border-bottom: 2px solid transparent; }
.tabs a:hover, .subtabs a:hover { text-decoration: none; background: #eaeef2; border-radius: 6px 6px 0 0; } .tabs a.here, .subtabs a.here { border-bottom-color: #fd8c73; font-weight: 600; }
.subtabs { display: flex; gap: 4px; border-bottom: 1px solid var(--line); margin: 16px 0 20px; }
.count { background: rgba(129, 139, 152, .18); border-radius: 2em; padding: 0 7px; font-size: 12px; font-weight: 500; line-height: 18px; }
main { max-width: 1160px; margin: 0 auto; padding: 24px; }
.columns { display: grid; grid-template-columns: minmax(0, 1fr) 256px; gap: 32px; }
.box { border: 1px solid var(--line); border-radius: var(--radius); background: #fff; } .box > .head { background: var(--soft); border-bottom: 1px solid var(--line); padding: 10px 16px; border-radius: var(--radius) var(--radius) 0 0; display: flex; gap: 12px; align-items: center; }
.row { display: flex; gap: 10px; padding: 12px 16px; border-top: 1px solid var(--line); align-items: flex-start; } .row:first-child, .head + .row { border-top: 0; } .slim .row { padding: 7px 16px; } .row:hover { background: var(--soft); }
.row .title { color: var(--ink); font-weight: 600; font-size: 15px; } .row .title:hover { color: var(--blue); text-decoration: none; }
.dim { color: var(--dim); } .small { font-size: 12px; } .empty { padding: 48px 16px; text-align: center; color: var(--dim); }
.open { color: var(--green); } .closed { color: var(--purple); } .bad { color: var(--red); } .wait { color: var(--amber); } .draft { color: var(--dim); }
.badge { display: inline-flex; gap: 6px; align-items: center; color: #fff; border-radius: 2em; padding: 4px 12px; font-weight: 500; background: var(--green); } .badge.is-closed, .badge.is-merged { background: var(--purple); } .badge.is-draft { background: var(--dim); } .badge.is-shut { background: var(--red); }
.label { display: inline-block; border-radius: 2em; padding: 0 8px; font-size: 12px; font-weight: 500; line-height: 20px; white-space: nowrap; border: 1px solid transparent; }
.headline { font-size: 26px; font-weight: 400; margin: 0 0 8px; overflow-wrap: anywhere; } .headline .dim { font-weight: 300; }
.meta { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; color: var(--dim); }
.branch { background: #ddf4ff; color: var(--blue); border-radius: 6px; padding: 1px 6px; }
.rule { border: 0; border-top: 1px solid var(--line); margin: 16px 0 20px; }
.timeline { position: relative; }
.turn { display: grid; grid-template-columns: 40px minmax(0, 1fr); gap: 14px; margin-bottom: 16px; }
.avatar { width: 40px; height: 40px; border-radius: 50%; box-shadow: 0 0 0 1px rgba(31, 35, 40, .12); } .avatar.bot { border-radius: 8px; } .avatar.tiny { width: 20px; height: 20px; vertical-align: -5px; }
.comment { border: 1px solid var(--line); border-radius: var(--radius); position: relative; min-width: 0; background: #fff; }
.comment > .head { background: var(--soft); border-bottom: 1px solid var(--line); border-radius: var(--radius) var(--radius) 0 0; padding: 8px 16px; display: flex; gap: 6px; align-items: center; flex-wrap: wrap; color: var(--dim); } .comment > .head b { color: var(--ink); }
.comment.mine > .head { background: #ddf4ff; border-color: #b6dcf7; } .comment.mine { border-color: #b6dcf7; }
.chip { border: 1px solid var(--line); border-radius: 2em; padding: 0 7px; font-size: 12px; line-height: 18px; color: var(--dim); }
.happening { display: flex; gap: 10px; align-items: center; margin: 0 0 16px 54px; color: var(--dim); flex-wrap: wrap; } .happening b { color: var(--ink); } .happening .dot { display: inline-flex; width: 28px; height: 28px; border-radius: 50%; background: var(--soft); border: 1px solid var(--line); align-items: center; justify-content: center; }
.happening .dot.is-closed { background: var(--purple); color: #fff; border: 0; } .happening .dot.is-open { background: var(--green); color: #fff; border: 0; }
.reactions { display: flex; gap: 6px; padding: 0 16px 12px; flex-wrap: wrap; } .reactions form { display: contents; } .reactions.bare { position: absolute; right: 10px; top: 7px; padding: 0; } .reactions button { border: 1px solid var(--line); background: #fff; border-radius: 2em; padding: 1px 9px; font-size: 13px; cursor: pointer; } .reactions button.mine { background: #ddf4ff; border-color: #54aeff; } .reactions button.offer { opacity: 0; transition: opacity .15s; } .comment:hover .reactions button.offer, .reactions button.offer:focus { opacity: .75; }
.md { padding: 14px 16px; overflow-wrap: anywhere; } .md > :first-child { margin-top: 0; } .md > :last-child { margin-bottom: 0; } .md p, .md ul, .md ol, .md pre, .md blockquote, .md .table, .md details { margin: 0 0 12px; } .md h1, .md h2 { font-size: 20px; border-bottom: 1px solid #d8dee4; padding-bottom: 5px; margin: 20px 0 12px; } .md h1 { font-size: 24px; } .md h3 { font-size: 16px; margin: 18px 0 10px; } .md h4, .md h5, .md h6 { font-size: 14px; margin: 16px 0 8px; }
.md ul, .md ol { padding-left: 26px; } .md li + li { margin-top: 3px; } .md ul.tasks { list-style: none; padding-left: 6px; } .md li.task input { margin: 0 6px 0 0; vertical-align: -1px; accent-color: var(--blue); }
.md code { background: rgba(129, 139, 152, .16); border-radius: 6px; padding: 2px 5px; } .md pre { background: var(--soft); border-radius: 6px; padding: 12px 14px; overflow: auto; } .md pre code { background: none; padding: 0; } .md pre .add { background: #dafbe1; color: #116329; } .md pre .del { background: #ffebe9; color: #82071e; } .md pre .hunk { color: var(--dim); }
.md blockquote { border-left: 4px solid var(--line); color: var(--dim); padding: 0 14px; margin-left: 0; } .md .table { overflow: auto; } .md th, .md td { overflow-wrap: normal; } .md table { border-collapse: collapse; } .md th, .md td { border: 1px solid var(--line); padding: 5px 12px; } .md th { background: var(--soft); font-weight: 600; text-align: left; } .md tr:nth-child(2n) td { background: #fafbfc; } .md .right { text-align: right; } .md .center { text-align: center; }
.md hr { border: 0; border-top: 3px solid #d8dee4; margin: 18px 0; } .md summary { cursor: pointer; } .md details > summary { color: var(--ink); font-weight: 500; } .md details[open] > summary { margin-bottom: 8px; } .md details > :last-child, .alert > :last-child, .md blockquote > :last-child { margin-bottom: 0; } .md kbd { border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 6px; padding: 1px 5px; font-size: 11px; background: var(--soft); } .md sub { color: var(--dim); }
.alert { border-left: 4px solid var(--blue); padding: 4px 14px; margin: 0 0 12px; } .alert-title { font-weight: 600; color: var(--blue); margin: 0 0 4px !important; } .alert-warning { border-color: var(--amber); } .alert-warning .alert-title { color: var(--amber); } .alert-caution { border-color: var(--red); } .alert-caution .alert-title { color: var(--red); } .alert-tip { border-color: var(--green); } .alert-tip .alert-title { color: var(--green); } .alert-important { border-color: var(--purple); } .alert-important .alert-title { color: var(--purple); }
button.plain, a.button, button.primary { display: inline-flex; gap: 6px; align-items: center; border: 1px solid var(--line); border-radius: 6px; background: var(--soft); color: var(--ink); font: inherit; font-weight: 500; padding: 5px 14px; cursor: pointer; } button.plain:hover { background: #eff2f5; } button.primary, a.button { background: #1f883d; color: #fff; border-color: rgba(31, 35, 40, .15); } button.primary:hover, a.button:hover { background: #1a7f37; text-decoration: none; }
input[type=text], textarea, select { font: inherit; color: inherit; border: 1px solid var(--line); border-radius: 6px; padding: 5px 10px; background: #fff; } textarea { width: 100%; min-height: 96px; resize: vertical; display: block; } textarea:focus, input:focus, select:focus { outline: 2px solid var(--blue); outline-offset: -1px; border-color: var(--blue); } input.wide { width: 100%; font-size: 16px; }
.actions { display: flex; justify-content: flex-end; gap: 8px; margin-top: 10px; } .write { padding: 12px; }
aside section { border-bottom: 1px solid var(--line); padding: 14px 0; } aside section:first-child { padding-top: 0; } aside h3 { margin: 0 0 8px; font-size: 12px; color: var(--dim); } aside form { display: flex; gap: 6px; margin-top: 10px; } aside select { flex: 1; min-width: 0; } .labels { display: flex; flex-wrap: wrap; gap: 5px; }
.presses { display: flex; gap: 8px; padding: 10px 0 2px 26px; } .presses button.plain { padding: 2px 12px; font-size: 13px; }
.label form { display: inline; } .label button { border: 0; background: none; color: inherit; font: inherit; cursor: pointer; padding: 0 0 0 4px; opacity: .7; }
.file { border: 1px solid var(--line); border-radius: var(--radius); margin-bottom: 16px; overflow: hidden; } .file > summary { background: var(--soft); padding: 8px 14px; cursor: pointer; display: flex; gap: 10px; align-items: center; list-style: none; } .file > summary::-webkit-details-marker { display: none; } .file[open] > summary { border-bottom: 1px solid var(--line); }
.plus { color: var(--green); font-weight: 600; } .minus { color: var(--red); font-weight: 600; }
.diff { width: 100%; border-collapse: collapse; table-layout: fixed; } .diff td { padding: 0 10px; line-height: 20px; vertical-align: top; white-space: pre-wrap; overflow-wrap: anywhere; } .diff .n { width: 46px; text-align: right; color: #818b98; user-select: none; padding: 0 8px; } .diff .s { width: 22px; padding: 0 0 0 8px; user-select: none; } .diff tr.add td { background: #dafbe1; } .diff tr.add .n { background: #aceebb; color: var(--ink); } .diff tr.del td { background: #ffebe9; } .diff tr.del .n { background: #ffcecb; color: var(--ink); } .diff tr.hunk td { background: #ddf4ff; color: var(--dim); line-height: 30px; }
.checks .row { display: block; } .checks summary { list-style: none; display: flex; gap: 10px; align-items: center; cursor: pointer; } .checks summary::-webkit-details-marker { display: none; } .checks .md { padding: 12px 0 0 26px; }
.spin { animation: spin 1.4s linear infinite; transform-origin: center; } @keyframes spin { to { transform: rotate(360deg); } } @media (prefers-reduced-motion: reduce) { .spin { animation: none; } }
.fresh { animation: fresh 1.6s ease-out; } @keyframes fresh { from { box-shadow: 0 0 0 4px rgba(84, 174, 255, .45); } to { box-shadow: 0 0 0 4px rgba(84, 174, 255, 0); } }
.verified { border: 1px solid #4ac26b; color: var(--green); border-radius: 2em; padding: 0 8px; font-size: 12px; font-weight: 500; }
.live { display: inline-flex; gap: 6px; align-items: center; color: var(--dim); font-size: 12px; } .live::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--line); } .is-live .live::before { background: #2da44e; }
.ref { color: var(--dim); } .ref:hover { color: var(--blue); }
@media (max-width: 860px) { .columns { grid-template-columns: minmax(0, 1fr); } .note, .acting label { display: none; } .bar { padding: 0 16px; } main { padding: 16px; } .top .bar { flex-wrap: wrap; padding-top: 8px; padding-bottom: 8px; } .turn { grid-template-columns: minmax(0, 1fr); } .turn > .avatar { display: none; } .happening, #merge { margin-left: 0 !important; } .tabs a { padding: 8px 8px 10px; white-space: nowrap; } .tabs .bar { overflow-x: auto; } }
`;
