import type { TypedArray } from '../../base/dtype.ts'
import { ArrayDataset } from '../array-dataset.ts'
import { assetText, damaged } from '../asset.ts'

/** A table that comes with the package: a first line with counts and class names, then rows. */
interface Table {
  readonly name: string
  readonly file: string
  readonly rows: number
  readonly featureNames: readonly string[]
}

/**
 * Fisher's 150 irises: inputs f32 `[150, 4]` in cm, targets i32 `[150]` (setosa, versicolor,
 * virginica). Comes with the package.
 *
 * Source: Fisher, “The use of multiple measurements in taxonomic problems”, 1936 (UCI, CC BY 4.0).
 *
 * @throws BrickError `file` if the package's file is missing or damaged.
 * @example
 * ```ts
 * const [train, test] = (await iris()).split(0.8, { stratified: true })
 * train.inputs.shape // [120, 4]
 * ```
 */
export function iris(): Promise<ArrayDataset> {
  const featureNames = ['sepal length', 'sepal width', 'petal length', 'petal width']
  return classes({ name: 'iris', file: 'iris.csv', rows: 150, featureNames })
}

/**
 * 178 wines of three growers: inputs f32 `[178, 13]`, targets i32 `[178]`. Comes with the package.
 *
 * Source: Aeberhard and Forina, “Wine”, UCI, 1991 (CC BY 4.0).
 *
 * @throws BrickError `file` if the package's file is missing or damaged.
 * @example
 * ```ts
 * (await wine()).featureNames?.[0] // 'alcohol'
 * ```
 */
export function wine(): Promise<ArrayDataset> {
  const names =
    'alcohol,malic acid,ash,alcalinity of ash,magnesium,total phenols,flavanoids,nonflavanoid phenols,proanthocyanins,color intensity,hue,od280/od315 of diluted wines,proline'
  return classes({ name: 'wine', file: 'wine.csv', rows: 178, featureNames: names.split(',') })
}

/**
 * 569 tumours, malignant or benign: inputs f32 `[569, 30]` (mean, error and worst of ten features
 * of the nuclei), targets i32 `[569]`. Comes with the package.
 *
 * Source: Wolberg et al., “Breast Cancer Wisconsin (Diagnostic)”, UCI, 1995 (CC BY 4.0).
 *
 * @throws BrickError `file` if the package's file is missing or damaged.
 * @example
 * ```ts
 * (await breastCancer()).inputs.shape // [569, 30]
 * ```
 */
export function breastCancer(): Promise<ArrayDataset> {
  const names =
    'radius,texture,perimeter,area,smoothness,compactness,concavity,concave points,symmetry,fractal dimension'
  const featureNames = ['mean', 'error of', 'worst'].flatMap((kind) =>
    names.split(',').map((name) => `${kind} ${name}`),
  )
  return classes({ name: 'breast-cancer', file: 'breast-cancer.csv.gz', rows: 569, featureNames })
}

/**
 * 442 patients and how their diabetes went on in a year, for regression: inputs f32 `[442, 10]` in
 * their own units, targets f32 `[442, 1]` from 25 to 346. Comes with the package.
 *
 * Source: Efron et al., “Least Angle Regression”, 2004.
 *
 * @throws BrickError `file` if the package's file is missing or damaged.
 * @example
 * ```ts
 * (await diabetes()).targets.data[0] // 151
 * ```
 */
export async function diabetes(): Promise<ArrayDataset> {
  const n = 442
  const names = 'age,sex,bmi,blood pressure,tc,ldl,hdl,tch,ltg,glucose'.split(',')
  const [inputs, targets] = ['diabetes-data.csv.gz', 'diabetes-target.csv.gz']
  return new ArrayDataset({
    name: 'diabetes',
    inputs: {
      dtype: 'f32',
      shape: [n, 10],
      data: numbers(inputs!, await assetText(inputs!), n * 10),
    },
    targets: { dtype: 'f32', shape: [n, 1], data: numbers(targets!, await assetText(targets!), n) },
    featureNames: names,
  })
}

/** A table whose last column is the class. */
async function classes({ name, file, rows, featureNames }: Table): Promise<ArrayDataset> {
  const [head = '', body = ''] = splitOnce(await assetText(file))
  const features = featureNames.length
  const all = numbers(file, body, rows * (features + 1))
  const inputs = new Float32Array(rows * features)
  const targets = new Int32Array(rows)
  for (let i = 0; i < rows; i++) {
    const start = i * (features + 1)
    inputs.set(all.subarray(start, start + features), i * features)
    targets[i] = all[start + features]!
  }
  return new ArrayDataset({
    name,
    inputs: { dtype: 'f32', shape: [rows, features], data: inputs },
    targets: { dtype: 'i32', shape: [rows], data: targets },
    classNames: head.trim().split(',').slice(2),
    featureNames,
  })
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf('\n')
  return [text.slice(0, at), text.slice(at + 1)]
}

/** All numbers of a text, with commas, spaces or line ends between. */
function numbers(file: string, text: string, count: number): Float32Array {
  const values: TypedArray = Float32Array.from(text.trim().split(/[\s,]+/), Number)
  if (values.length === count && values.every(Number.isFinite)) return values
  throw damaged(file, `${count} numbers`, `${values.length} (or what is none)`)
}
