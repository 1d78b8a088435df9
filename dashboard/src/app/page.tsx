import { PageHead } from "@/components/ui";


export default function Page() {
  return <PageHead title="Overview" />;
}
