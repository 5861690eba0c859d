/* What a page is given. */

export interface PageProps { params: string[] /* the values of the address's `:` parts */ }
