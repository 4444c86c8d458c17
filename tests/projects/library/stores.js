// Stores of AsyncLocalStorage behind each kind of `await`: the same here and in Node.js.
const {AsyncLocalStorage}=require('async_hooks'); const als=new AsyncLocalStorage();
const wait=(ms)=>new Promise(r=>setTimeout(r,ms));
async function deep(x){ await wait(2); return [x, als.getStore()] }
async function bad(){ await wait(1); throw new Error('bad') }
class A { async m(a,b){ await wait(1); return [this.k,a,b,arguments.length,als.getStore()] } k=7
 static async s(){ for (const x of [1,2]) { await wait(1) } return als.getStore() } }
class B extends A { async m(...r){ const v=await super.m(...r); return ['B',...v] } }
const arrow=async x=>await deep(x);
const obj={ async ['c'+1](){ await null; return als.getStore() } };
async function* gen(){ yield 1; await wait(1); yield als.getStore() }
const main=async(n)=>{
  const out=[];
  out.push(als.getStore());
  await wait(n);
  out.push(als.getStore());
  try { await bad() } catch(e) { out.push(e.message, als.getStore()) } finally { out.push(als.getStore()) }
  out.push(await deep(1), await arrow(2), await new A().m(1,2), await new B().m(3), await A.s(), await obj.c1());
  const [p,q]=await Promise.all([deep('p'),deep('q')]); out.push(p,q);
  out.push(-(await Promise.resolve(4)) + 1, `${await deep('t')}`, (await deep('z'))[0].length, await (async()=>5)());
  const t = await Promise.resolve({ f: async () => als.getStore() })
  await t.f()
  out.push(typeof await t, await t.f?.(), !await false, [await 1, await 2])
  return JSON.stringify(out);
};
const all = ['a', 'b', 'c'].map((id) => als.run(id, () => main(id.charCodeAt(0) - 96)));
console.log('outside', als.getStore());
Promise.all(all).then((lines) => console.log(`${lines.join('\n')}\nlater ${als.getStore()}`));
process.on('unhandledRejection',(e)=>console.log('unhandled',e.message)); (async()=>{ await null; throw new Error('lost') })();
